"""k-means' halves are Lloyd's step, whatever the shards."""

import numpy as np
import pytest

from simcluster.learning import KMeans, SoftmaxRegression, load
from simcluster.learning.kmeans import KMeansState


def lloyd(points, centres):
    """One step in plain NumPy: the mean of the rows nearest to each centre; an empty cluster keeps its centre."""
    nearest = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    moved = centres.copy()
    for cluster in range(len(centres)):
        if (nearest == cluster).any():
            moved[cluster] = points[nearest == cluster].mean(axis=0)
    return moved


def test_a_step_over_shards_is_lloyds_step_and_does_not_count_the_initial_centres():
    training = KMeans(dataset="iris", clusters=4).prepare(workers=3, seed=5)
    points, state = load("iris").features, training.initial()

    for _ in range(4):
        centres = training.parameters(state)
        for worker in range(3):
            state = training.fold(state, worker, training.contribution(worker, 0, centres)(), 1 / 3)
        np.testing.assert_allclose(training.parameters(state), lloyd(points, centres), rtol=1e-12)


def test_an_empty_cluster_keeps_its_centre():
    training = KMeans(dataset="iris", clusters=3).prepare(workers=1, seed=1)
    points = load("iris").features
    centres = np.vstack([points[:2], np.full(points.shape[1], 1e6)])  # nobody is nearest to the third
    state = KMeansState(centres, (None,))

    moved = training.parameters(training.fold(state, 0, training.contribution(0, 0, centres)(), 1.0))

    np.testing.assert_array_equal(moved[2], centres[2])
    np.testing.assert_allclose(moved, lloyd(points, centres), rtol=1e-12)


@pytest.mark.parametrize("model", [KMeans(dataset="iris", clusters=4), SoftmaxRegression(dataset="iris")])
def test_the_size_of_a_contribution_is_how_many_numbers_it_has(model):
    training = model.prepare(workers=2, seed=0)
    contribution = training.contribution(1, 0, training.parameters(training.initial()))()
    parts = contribution if isinstance(contribution, tuple) else (contribution,)

    assert training.contribution_size == sum(np.size(part) for part in parts)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_centres_that_a_liar_made_give_no_numbers_and_no_error(value):
    training = KMeans(dataset="iris", clusters=3).prepare(workers=2, seed=0)
    centres = training.initial().centres.copy()
    centres[0, 0] = value

    assert np.isnan(training.loss(centres))
    assert all(np.isnan(part).all() for part in training.contribution(0, 0, centres)())
