"""Distances and nearest rows at the edges: ties, close points, NaN and infinity, sizes around a tile."""

import numpy as np
import pytest

from simcluster.kernels import (
    cosine_distances,
    merge_top_k,
    nearest_centre,
    pairwise_squared_distances,
    rbf_kernel,
    squared_distances,
    top_k_neighbours,
)


def test_close_points_keep_their_digits():
    distances = squared_distances(np.array([[1e8, 1.0]]), np.array([[1e8, 1.0 + 2.0**-30]]))
    assert distances[0, 0] == 2.0**-60


@pytest.mark.parametrize(("m", "d"), [(1, 5), (3, 513), (9, 1030), (33, 700)])
def test_distances_between_long_vectors_are_those_of_all_pairs(m, d):
    vectors = np.random.default_rng(m).normal(size=(m, d))
    distances = pairwise_squared_distances(vectors)
    np.testing.assert_allclose(distances, squared_distances(vectors, vectors), rtol=1e-12)
    assert (distances == distances.T).all()


@pytest.mark.parametrize("n", [1, 7, 8, 9, 130])
@pytest.mark.parametrize("d", [1, 15, 16, 17])
def test_nearest_and_neighbours_are_those_of_the_direct_sum_far_from_the_origin(n, d):
    generator = np.random.default_rng(n * d)
    # A million away from 0 the expanded form |x|² - 2x·c + |c|² has no digit left to tell these apart.
    points = 1e6 + 1e-5 * generator.normal(size=(n, d))
    centres = 1e6 + 1e-5 * generator.normal(size=(21, d))
    exact = ((points[:, None] - centres) ** 2).sum(axis=2)
    assert (nearest_centre(points, centres)[0] == exact.argmin(axis=1)).all()
    distances, indices = top_k_neighbours(points, centres, 5)
    assert (indices == np.argsort(exact, axis=1, kind="stable")[:, :5]).all()
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :5], rtol=1e-9)


@pytest.mark.parametrize(("n", "d", "k"), [(130, 300, 1), (67, 24, 10), (67, 513, 65), (40, 5, 70), (33, 17, 136)])
def test_a_step_of_lloyd_is_that_of_the_direct_sum_at_any_number_of_centres(n, d, k):
    generator = np.random.default_rng(n + d + k)
    points, centres = generator.normal(size=(n, d)), generator.normal(size=(k, d))
    exact = ((points[:, None] - centres) ** 2).sum(axis=2)
    labels, sums, counts, inertia = nearest_centre(points, centres)
    assert (labels == exact.argmin(axis=1)).all()
    assert counts.tolist() == np.bincount(labels, minlength=k).tolist()
    np.testing.assert_allclose(sums, np.eye(k)[labels].T @ points, rtol=1e-9, atol=1e-12)
    assert inertia == pytest.approx(exact.min(axis=1).sum(), rel=1e-11)


def test_the_inertia_keeps_its_digits_far_from_the_origin():
    points = np.array([[1e8, 1.0], [1e8, 2.0]])
    assert nearest_centre(points, points + np.array([0.0, 2.0**-20]))[3] == 2 * 2.0**-40


@pytest.mark.parametrize("k", [1, 10, 42, 43, 300])
def test_neighbours_are_those_of_the_direct_sum_among_many_points(k):
    generator = np.random.default_rng(k)
    # Ever nearer points, so that the lists of candidates fill up again and again, and one far away.
    queries, points = generator.normal(size=(70, 3)), generator.normal(size=(900, 3))
    points *= np.linspace(9, 1, 900)[:, None]
    points[5] = 1e9
    exact = ((queries[:, None] - points) ** 2).sum(axis=2)
    distances, indices = top_k_neighbours(queries, points, k)
    assert (indices == np.argsort(exact, axis=1, kind="stable")[:, :k]).all()
    np.testing.assert_allclose(distances, np.sort(exact, axis=1)[:, :k], rtol=1e-12)


@pytest.mark.parametrize("k", [1, 7, 100])
def test_the_lowest_indices_win_among_many_equals(k):
    points = np.tile([[3.0, 4.0], [5.0, 0.0], [0.0, 5.0]], (200, 1))
    points[400:] = 0.0
    distances, indices = top_k_neighbours(np.zeros((600, 2)), points, k)
    assert (indices == np.arange(400, 400 + k)).all()
    assert not distances.any()
    distances, indices = top_k_neighbours(np.zeros((600, 2)), points[:400], k)
    assert (indices == np.arange(k)).all()
    assert (distances == 25.0).all()


def test_points_whose_squares_overflow_are_neighbours_of_those_beside_them():
    huge = np.full((9, 2), 1e200)
    distances, indices = top_k_neighbours(huge, huge, 2)
    assert indices.tolist() == [[0, 1]] * 9
    assert not distances.any()
    with pytest.raises(ValueError, match=r"points must have finite distances to the queries, .* at row 8"):
        top_k_neighbours(-huge, huge, 2)


def test_the_lowest_index_wins_a_tie():
    centres = np.array([[1.0, 0], [0, -1.0], [-1.0, 0]])
    labels, sums, counts, inertia = nearest_centre(np.zeros((3, 2)), centres)
    assert labels.tolist() == [0, 0, 0]
    assert counts.tolist() == [3.0, 0.0, 0.0]
    assert inertia == 3.0
    assert not sums.any()
    for queries in (1, 20):
        distances, indices = top_k_neighbours(np.zeros((queries, 2)), np.tile(centres, (9, 1)), 4)
        assert indices.tolist() == [[0, 1, 2, 3]] * queries
        assert (distances == 1.0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 5, 17])
def test_points_and_centres_that_are_not_finite_are_refused(value, row):
    good = np.zeros((18, 3))
    bad = good.copy()
    bad[row, 2] = value
    with pytest.raises(ValueError, match=rf"points must have finite .* at row {row}"):
        nearest_centre(bad, good)
    with pytest.raises(ValueError, match=rf"centres must be finite, got .* at row {row}, column 2"):
        nearest_centre(good, bad)
    for queries in (1, 18):
        with pytest.raises(ValueError, match=rf"points must have finite .* at row {row}"):
            top_k_neighbours(good[:queries], bad, 2)
    with pytest.raises(ValueError, match=rf"queries must be finite, got .* at row {row}, column 2"):
        top_k_neighbours(bad, good, 2)


def test_a_distance_has_the_same_bits_in_every_shard_and_batch():
    generator = np.random.default_rng(0)
    queries, points = generator.normal(size=(40, 13)), generator.normal(size=(90, 13))
    distances, indices = top_k_neighbours(queries, points, 6)
    for first in range(3):
        alone, places = top_k_neighbours(queries[first : first + 1], points, 6)
        assert alone.tobytes() == distances[first : first + 1].tobytes()
        assert places.tobytes() == indices[first : first + 1].tobytes()
    parts = [top_k_neighbours(queries, points[start : start + 30], 6) for start in (0, 30, 60)]
    merged = merge_top_k(
        np.stack([part[0] for part in parts]),
        np.stack([part[1] + start for part, start in zip(parts, (0, 30, 60), strict=True)]),
    )
    assert merged[0].tobytes() == distances.tobytes()
    assert merged[1].tobytes() == indices.tobytes()


def test_no_points_have_no_labels_but_centres_are_required():
    labels, sums, counts, inertia = nearest_centre(np.empty((0, 2)), np.zeros((3, 2)))
    assert (labels.size, sums.any(), counts.any(), inertia) == (0, False, False, 0.0)
    with pytest.raises(ValueError, match=r"centres must have at least one of its rows, got 0"):
        nearest_centre(np.zeros((3, 2)), np.empty((0, 2)))
    with pytest.raises(ValueError, match=r"k must be within \[1, 3\], the rows of points, got 4"):
        top_k_neighbours(np.zeros((3, 2)), np.zeros((3, 2)), 4)


def test_rows_of_zeros_are_at_right_angles_to_all_and_nan_propagates():
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert cosine_distances(rows, rows) == pytest.approx(np.array([[1.0, 1.0], [1.0, 0.0]]), abs=1e-15)
    rows[0, 0] = np.nan
    for block in (cosine_distances(rows, rows), squared_distances(rows, rows), rbf_kernel(rows, rows, 1.0)):
        assert np.isnan(block).tolist() == [[True, True], [True, False]]


def test_a_distant_pair_has_no_similarity():
    assert rbf_kernel(np.zeros((1, 9)), np.full((1, 9), 1e3), 1.0)[0, 0] == 0.0


def test_merge_refuses_nan():
    with pytest.raises(ValueError, match=r"distances must not be NaN, got .* at query 0"):
        merge_top_k(np.array([[[1.0, np.nan]], [[0.0, 2.0]]]), np.zeros((2, 1, 2), dtype=np.int64))
