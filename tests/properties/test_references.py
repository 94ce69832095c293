"""Whole clusters agree with closed forms and with scikit-learn."""

import numpy as np
import sklearn.cluster
from scipy.optimize import check_grad

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant, Exponential
from simcluster.learning import KMeans, SoftmaxRegression, load
from simcluster.training import TrainingJob


def cluster(workers, network=None, **fields):
    return ClusterSpec(
        nodes=(NodeSpec(name="server"), *nodes("worker", workers, **fields)), network=network or NetworkSpec()
    )


def job(workers, **fields):
    return TrainingJob(server="server", workers=tuple(f"worker-{i}" for i in range(workers)), **fields)


def test_kmeans_on_a_cluster_is_lloyd_s_algorithm_from_the_same_centres():
    model = KMeans(dataset="digits", clusters=10)
    prepared = model.prepare(5, seed=3)
    points = load("digits").features
    theirs = sklearn.cluster.KMeans(
        10, init=prepared.initial().centres, n_init=1, algorithm="lloyd", tol=0, max_iter=300
    ).fit(points)

    scenario = Scenario(cluster=cluster(5), job=job(5, model=model, steps=theirs.n_iter_ + 1, evaluate_every=1000))
    ours = run(scenario, 3).outcome.parameters

    np.testing.assert_allclose(ours, theirs.cluster_centers_, atol=1e-10, rtol=0)
    assert np.array_equal(prepared.labels(ours), theirs.labels_)


def test_a_full_gradient_over_unequal_shards_is_the_gradient_of_the_objective():
    model = SoftmaxRegression(dataset="iris", batch_size=None, l2=0.01)
    prepared = model.prepare(7, seed=0)  # 150 rows on 7 workers: shards of 21 and 22
    shape = prepared.initial().shape

    def gradient(flat):
        weights = flat.reshape(shape)
        parts = [prepared.contribution(worker, 0, weights)() for worker in range(7)]
        return (sum(parts) / 7).ravel()

    point = np.random.Generator(np.random.PCG64(0)).standard_normal(shape).ravel()

    assert check_grad(lambda w: prepared.loss(w.reshape(shape)), gradient, point) < 1e-5


def test_a_synchronous_round_of_exponential_workers_takes_the_harmonic_number():
    """E[max of n exponentials of rate μ] = H_n / μ; for n = 8: 2.7179 / μ."""
    steps, workers = 12_000, 8
    free = NetworkSpec(latency=Constant(value=0), bandwidth_bytes_per_s=None)
    model = SoftmaxRegression(dataset="iris", batch_size=1)
    flops = model.prepare(workers, 0).contribution(0, 0, np.zeros((5, 3))).cost.flops
    spec = cluster(workers, free, flops_per_s=flops, memory_bytes_per_s=1e15, jitter=Exponential(mean=1))
    server = NodeSpec(name="server", flops_per_s=1e15, memory_bytes_per_s=1e15)
    scenario = Scenario(
        cluster=spec.replace(nodes=(server, *spec.nodes[1:])),
        job=job(workers, model=model, steps=steps, evaluate_every=steps, retry_s=1e9),
        horizon_s=1e6,
        trace_kinds=(),
    )

    mean_s = run(scenario, 1).ended_s / steps

    # The standard deviation of a round is 1.24 s (sqrt of the sum of 1/k²), so that of the mean is 0.011 s,
    # 0.4 % of H_8; the 1 % is 2.4 of them, and the seed is fixed.
    harmonic = sum(1 / k for k in range(1, workers + 1))
    assert abs(mean_s / harmonic - 1) < 0.01
