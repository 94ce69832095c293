"""Distances and nearest centres at the edges: ties, close points, NaN and infinity."""

import numpy as np
import pytest

from simcluster.kernels import nearest_centre, squared_distances


def test_close_points_keep_their_digits():
    distances = squared_distances(np.array([[1e8, 1.0]]), np.array([[1e8, 1.0 + 2.0**-30]]))
    assert distances[0, 0] == 2.0**-60


def test_the_lowest_index_wins_a_tie():
    labels, sums, counts, inertia = nearest_centre(
        np.zeros((3, 2)), np.array([[1.0, 0], [0, -1.0], [-1.0, 0]])
    )
    assert labels.tolist() == [0, 0, 0]
    assert counts.tolist() == [3.0, 0.0, 0.0]
    assert inertia == 3.0
    assert not sums.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 5])
def test_points_and_centres_that_are_not_finite_are_refused(value, row):
    good = np.zeros((6, 3))
    bad = good.copy()
    bad[row, 2] = value
    with pytest.raises(ValueError, match=rf"points must have finite .* at row {row}"):
        nearest_centre(bad, good)
    with pytest.raises(ValueError, match=rf"centres must be finite, got .* at row {row}, column 2"):
        nearest_centre(good, bad)


def test_no_points_have_no_labels_but_centres_are_required():
    labels, sums, counts, inertia = nearest_centre(np.empty((0, 2)), np.zeros((3, 2)))
    assert (labels.size, sums.any(), counts.any(), inertia) == (0, False, False, 0.0)
    with pytest.raises(ValueError, match=r"centres must have at least one of its rows, got 0"):
        nearest_centre(np.zeros((3, 2)), np.empty((0, 2)))
