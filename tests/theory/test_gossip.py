"""How fast workers that only average come together: by the second eigenvalue of their weights."""

import math

import networkx as nx
import numpy as np
import pytest

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.training import Gossip, GradientDescent, LinearRegression, TrainingJob, arrays, ordered
from simcluster.training.exchange.peers.mixing import complete, metropolis, reason, ring, uniform

pytestmark = pytest.mark.theory


class OneStep(GradientDescent):
    """A step of descent, and then none: from then on workers only average."""

    def step(self, parameters, gradient, memory, clock, share):
        return super().step(parameters, gradient * (clock == 0), memory, clock, share)


def distances(count, steps, **exchange):
    """How far workers are apart after each step; at first along the slowest wave round a ring."""
    wave = np.cos(2 * np.pi * np.arange(count) / count)
    job = TrainingJob(
        model=LinearRegression(l2=0.0), data=arrays(np.zeros((count, 1)), wave), sharding=ordered, batch_size=None,
        optimiser=OneStep(learning_rate=1.0), exchange=Gossip(**exchange), steps=steps,
        workers=tuple(f"n-{place}" for place in range(count)),
    )  # fmt: skip
    result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", count)), job=job), 0)
    return np.array([row["distance"] for row in result.trace.rows("consensus")])


@pytest.mark.parametrize(("count", "published"), [(8, 0.80474), (16, 0.94925)])
def test_on_a_uniform_ring_the_error_shrinks_by_the_second_eigenvalue(count, published):
    second = (1 + 2 * math.cos(2 * math.pi / count)) / 3
    found = distances(count, 12, mixing="uniform")

    assert second == pytest.approx(published, abs=5e-6)  # as many digits as are printed
    np.testing.assert_allclose(found[1:] / found[:-1], second, rtol=1e-12)


@pytest.mark.parametrize("mixing", ["metropolis", "uniform"])
@pytest.mark.parametrize("graph", [nx.path_graph(7), nx.star_graph(6), nx.petersen_graph(), nx.hypercube_graph(3)])
def test_on_any_graph_it_comes_to_shrink_by_it(graph, mixing):
    graph = nx.convert_node_labels_to_integers(graph)
    weights = {"metropolis": metropolis, "uniform": uniform}[mixing](graph)
    eigenvalues = np.sort(np.abs(np.linalg.eigvalsh(weights)))
    found = distances(len(graph), 150, graph=graph, mixing=mixing)
    seen = found[found > 1e-10]

    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-15)
    assert (seen[-1] / seen[len(seen) // 2]) ** (1 / (len(seen) - 1 - len(seen) // 2)) <= eigenvalues[-2] + 1e-9


def test_weights_on_a_ring_are_a_third_and_among_all_the_same():
    for mixing in (metropolis, uniform):
        np.testing.assert_allclose(mixing(complete(5)), 0.2, rtol=1e-15)
        np.testing.assert_allclose(mixing(ring(6))[0], [1 / 3, 1 / 3, 0, 0, 0, 1 / 3], rtol=1e-15)
    assert reason(ring(1), metropolis(ring(1)), 1) is None
