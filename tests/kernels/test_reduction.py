"""Sums, robust means, compression and updates at the edges: order, NaN, ties, zeros."""

import numpy as np
import pytest

from simcluster.kernels import (
    adam_step,
    coordinate_median,
    dequantise,
    quantise,
    top_k_sparse,
    trimmed_mean,
    weighted_sum,
)


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


@pytest.mark.parametrize("k", [0, 1, 100, 1200, 5000, 9999, 10_000])
@pytest.mark.parametrize("kind", ["normal", "ties", "few", "infinite"])
def test_the_greatest_are_kept_whatever_the_distribution(k, kind):
    generator = np.random.default_rng(0)
    vector = {
        "normal": generator.normal(size=10_000),
        "ties": generator.integers(-2, 3, 10_000).astype(float),
        "few": np.where(np.arange(10_000) % 9 == 1, 1.0, 0.0),
        "infinite": np.where(generator.random(10_000) < 0.5, -np.inf, 1.0),
    }[kind]
    indices, values = top_k_sparse(vector, k)
    wanted, same = top_k_sparse.reference(vector, k)
    assert indices.tolist() == wanted.tolist()
    assert values.tobytes() == same.tobytes()


def test_what_cannot_be_compressed_is_refused():
    with pytest.raises(ValueError, match=r"vector must not be NaN, got nan at index 1"):
        top_k_sparse(np.array([1.0, np.nan]), 1)
    with pytest.raises(ValueError, match=r"k must be within \[0, 2\], the elements of vector, got 3"):
        top_k_sparse(np.ones(2), 3)
    for value in (np.nan, np.inf, 1e200):
        with pytest.raises(ValueError, match=r"vector must have a finite norm, got"):
            quantise(np.array([value]), np.zeros(1), 4)
    for value in (np.nan, 1.0, -0.1):
        with pytest.raises(ValueError, match=r"noise must be within \[0, 1\), got"):
            quantise(np.ones(1), np.array([value]), 4)


def test_quantisation_is_unbiased_and_zero_stays_zero():
    generator = np.random.default_rng(0)
    vector = generator.normal(size=50)
    total = np.zeros(50)
    for _ in range(2000):
        norm, codes = quantise(vector, generator.random(50), 4)
        total += dequantise(norm, codes, 4)
    assert total / 2000 == pytest.approx(vector, abs=6 * norm / 4 / 2 / np.sqrt(2000))
    assert quantise(np.zeros(3), np.full(3, 0.9), 4)[1].tolist() == [0, 0, 0]


def test_adam_refuses_a_step_before_the_first():
    with pytest.raises(ValueError, match=r"step must be at least 1, got 0"):
        adam_step(np.ones(1), np.ones(1), np.ones(1), np.ones(1), 0)
    with pytest.raises(ValueError, match=r"beta2 must be within \[0, 1\), got 1.0"):
        adam_step(np.ones(1), np.ones(1), np.ones(1), np.ones(1), 1, beta2=1.0)
