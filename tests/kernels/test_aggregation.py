"""Sums, means and robust means of vectors."""

import numpy as np
import pytest

from simcluster.kernels import coordinate_median, trimmed_mean, weighted_sum


def test_vectors_are_added_in_the_order_of_the_rows():
    vectors = np.array([[1e16] * 40, [1.0] * 40, [-1e16] * 40])
    assert (weighted_sum(vectors, np.ones(3)) == 0.0).all()
    assert (weighted_sum(vectors[[0, 2, 1]], np.ones(3)) == 1.0).all()


@pytest.mark.parametrize("m", [1, 2, 3, 5, 8, 31, 64, 65])
def test_median_and_trimmed_mean_sort_any_number_of_vectors(m):
    vectors = np.random.default_rng(m).normal(size=(m, 37))
    assert coordinate_median(vectors) == pytest.approx(np.median(vectors, axis=0), rel=1e-15)
    for trim in {0, min(1, (m - 1) // 2), m // 4, (m - 1) // 2}:
        kept = np.sort(vectors, axis=0)[trim : m - trim]
        assert trimmed_mean(vectors, trim) == pytest.approx(kept.mean(axis=0), rel=1e-13)


def test_what_is_trimmed_takes_no_digits_from_what_is_kept():
    vectors = np.random.default_rng(0).normal(size=(64, 11))
    kept = np.sort(vectors, axis=0)[10:54]
    for row in range(5):
        vectors[np.argsort(vectors, axis=0)[row], np.arange(11)] = -1e300
        vectors[np.argsort(vectors, axis=0)[63 - row], np.arange(11)] = [1e300, np.inf] * 5 + [1e300]
    assert trimmed_mean(vectors, 10) == pytest.approx(kept.mean(axis=0), rel=1e-13)


@pytest.mark.parametrize("column", [0, 7, 8, 16])
def test_a_nan_spoils_its_own_column_only_and_infinity_is_trimmed(column):
    vectors = np.random.default_rng(0).normal(size=(9, 17))
    vectors[4, column] = np.nan
    vectors[3, (column + 1) % 17] = np.inf
    for result in (coordinate_median(vectors), trimmed_mean(vectors, 2)):
        assert np.flatnonzero(~np.isfinite(result)).tolist() == [column]
    with pytest.raises(ValueError, match=r"trim must be at least 0 and below half of the 9 rows .*, got 5"):
        trimmed_mean(vectors, 5)
