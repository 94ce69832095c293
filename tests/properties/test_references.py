"""Whole clusters agree with closed forms and with scikit-learn."""

import math

import numpy as np
import pytest
import sklearn.cluster

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Environment, Trace
from simcluster.learning import Bundled, GradientDescent, KMeans, Softmax
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
