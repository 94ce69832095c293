"""The largest elements, and few levels."""

import numpy as np
import pytest

from simcluster.kernels import dequantise, quantise, top_k_sparse


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
