"""Histograms and splits: against scikit-learn-sized data, siblings, ties, and what is refused."""

import numpy as np
import pytest

from simcluster.kernels import best_split, histograms, subtract_histograms


@pytest.mark.parametrize("n", [1, 511, 513, 20_000])
def test_parts_of_a_node_subtract_to_the_sibling(n):
    generator = np.random.default_rng(n)
    bins = generator.integers(0, 256, (3, n)).astype(np.uint8)
    gradients = generator.integers(-9, 10, n).astype(float)
    whole = histograms(bins, gradients, np.ones(n))
    assert whole[:, :, 2].sum() == 3 * n
    left, right = np.flatnonzero(gradients > 0), np.flatnonzero(gradients <= 0)
    child = histograms(bins, gradients, np.ones(n), 256, left)
    sibling = histograms(bins, gradients, np.ones(n), 256, right)
    assert (subtract_histograms(whole, child) == sibling).all()


def test_equal_gains_go_to_the_lowest_feature_then_the_lowest_bin():
    one = np.array([[-2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [2.0, 2.0, 2.0]])
    gain, feature, bin_ = best_split(np.stack([one * [0, 1, 1], one, one]))
    assert (gain, feature, bin_) == (4.0, 1, 0)
    assert best_split(np.stack([one]), min_count=3.0) == (0.0, -1, -1)
    assert best_split(np.stack([one]), min_hessian=2.5) == (0.0, -1, -1)


def test_bad_bins_and_sums_are_refused():
    with pytest.raises(ValueError, match=r"bins must be below n_bins, 4, got 4"):
        histograms(np.array([[0, 4]], dtype=np.uint8), np.ones(2), np.ones(2), 4)
    with pytest.raises(ValueError, match=r"histograms must be finite, got a sum that is not in feature 1"):
        best_split(np.array([[[1.0, 1.0, 1.0]], [[np.nan, 1.0, 1.0]]]))


def test_nan_propagates_to_its_bin():
    sums = histograms(np.array([[0, 1]], dtype=np.uint8), np.array([np.nan, 1.0]), np.ones(2), 2)
    assert np.isnan(sums[0, :, 0]).tolist() == [True, False]
