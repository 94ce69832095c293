"""Whole clusters agree with closed forms and with scikit-learn."""

import math

import numpy as np
import pytest
import sklearn.cluster

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant, Environment, Exponential, Trace
from simcluster.learning import Bundled, GradientDescent, KMeans, Rows, Softmax
from simcluster.training import BoundedStaleness, Training, TrainingJob


def cluster(workers, network=None, **fields):
    return ClusterSpec(
        nodes=(NodeSpec(name="server"), *nodes("worker", workers, **fields)), network=network or NetworkSpec()
    )


def job(workers, **fields):
    return TrainingJob(server="server", workers=tuple(f"worker-{i}" for i in range(workers)), **fields)


def test_kmeans_on_a_cluster_is_lloyd_s_algorithm_from_the_same_centres():
    points = Bundled().load().features
    made = job(5, model=KMeans(clusters=10), batch_size=None, steps=1, evaluate_every=1000)
    initial = Training(made, 3, (env := Environment()).event(), Trace(env)).initial
    theirs = sklearn.cluster.KMeans(10, init=initial, n_init=1, algorithm="lloyd", tol=0, max_iter=300).fit(points)

    scenario = Scenario(cluster=cluster(5), job=made.replace(steps=theirs.n_iter_ + 1))
    ours = run(scenario, 3).outcome.parameters

    np.testing.assert_allclose(ours, theirs.cluster_centers_, atol=1e-10, rtol=0)
    assert np.array_equal(made.model.labels(ours, Bundled().load().all), theirs.labels_)


@pytest.mark.parametrize("waiting", [BoundedStaleness(), BoundedStaleness(staleness=math.inf)])
def test_one_synchronous_step_over_unequal_shards_is_one_of_full_gradient_descent(waiting):
    """150 rows on 7 workers: shards of 21 and 22. Asynchronous, with all of them at the first step, it is so too."""
    iris, model = Bundled(name="iris").load(), Softmax(l2=0.0)
    rate = GradientDescent(learning_rate=1e-9 if waiting.staleness else 0.3)  # so small that the order is nothing
    made = job(
        7, model=model, data=Bundled(name="iris"), batch_size=None, optimiser=rate, steps=1, waiting=waiting
    )
    weights = np.zeros((5, 3))
    gradient = model.contribution(weights, iris.all)() / 150

    ours = run(Scenario(cluster=cluster(7), job=made), 0).outcome.parameters

    np.testing.assert_allclose(ours, -rate.learning_rate * gradient, rtol=1e-7, atol=1e-15 * rate.learning_rate)


def mean_step_s(steps, workers, **fields):
    """The mean time of a step of workers whose computations take exponential times of mean 1."""
    free = NetworkSpec(latency=Constant(value=0), bandwidth_bytes_per_s=None)
    learned = {"model": Softmax(), "data": Bundled(name="iris"), "batch_size": 1}
    iris = Bundled(name="iris").load()
    flops = Softmax().contribution(np.zeros((5, 3)), Rows(iris, np.array([0]))).cost.flops
    spec = cluster(workers, free, flops_per_s=flops, memory_bytes_per_s=1e15, jitter=Exponential(mean=1))
    server = NodeSpec(name="server", flops_per_s=1e15, memory_bytes_per_s=1e15)
    scenario = Scenario(
        cluster=spec.replace(nodes=(server, *spec.nodes[1:])),
        job=job(workers, **learned, steps=steps, evaluate_every=steps, retry_s=1e9, **fields),
        horizon_s=1e6,
        trace_kinds=(),
    )

    return run(scenario, 1).ended_s / steps


def test_a_synchronous_round_of_exponential_workers_takes_the_harmonic_number():
    """E[max of n exponentials of rate μ] = H_n / μ; for n = 8: 2.7179 / μ."""
    steps, workers = 12_000, 8
    mean_s = mean_step_s(steps, workers)

    # The standard deviation of a round is 1.24 s (sqrt of the sum of 1/k²), so that of the mean is 0.011 s,
    # 0.4 % of H_8; the 1 % is 2.4 of them, and the seed is fixed.
    harmonic = sum(1 / k for k in range(1, workers + 1))
    assert abs(mean_s / harmonic - 1) < 0.01


def test_a_worker_that_is_left_behind_finishes_its_stale_step_so_backup_workers_win_less_than_the_formula():
    """E[the n − b quickest of n] = H_n − H_b only where all begin together; for n = 4, b = 1: 1.083. H_4 is 2.083."""
    mean_s = mean_step_s(3000, 4, backup_workers=1)

    # The standard deviation of a round is some 0.7 s, so that of the mean is 0.013 s; the seed is fixed.
    assert 1.083 + 0.2 < mean_s < 2.083 - 0.2
