"""Histograms of binned features for boosted trees, and the best split of a node.

Gradients and sums are float64, bins uint8, rows int64, all C-contiguous. TypeError for another dtype;
ValueError for shapes that disagree, bins or rows out of range, sums that are not finite in best_split.
Source: Chen & Guestrin, XGBoost, 2016; Ke et al., LightGBM, 2017.
"""

from __future__ import annotations

from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Bytes, Floats, Integers

_histogram = compiled("_histogram")


def _histograms_cost(
    bins: Bytes,
    gradients: Floats,
    hessians: Floats,
    n_bins: int = 256,
    rows: Integers | None = None,
) -> Cost:
    features, n = bins.shape
    n = n if rows is None else len(rows)
    return Cost(3 * features * n, features * n + 16 * n + 24 * features * n_bins)


def _subtract_cost(parent: Floats, child: Floats) -> Cost:
    return Cost(parent.size, 24 * parent.size)


def _best_split_cost(histograms: Floats, l2: float = 0.0, min_hessian: float = 0.0, min_count: float = 1.0) -> Cost:
    return Cost(18 * histograms.size / 3, 8 * histograms.size)


@kernel(cost=_histograms_cost, reference=reference.histograms)
def histograms(
    bins: Bytes,
    gradients: Floats,
    hessians: Floats,
    n_bins: int = 256,
    rows: Integers | None = None,
) -> Floats:
    """Sums of gradient, hessian and 1 over the rows in each bin of each feature: (f, n_bins, 3).

    *bins* (f, n) uint8, one feature after the other, each below *n_bins*; *gradients* (n,), *hessians*
    (n,); *rows* (m,) picks the rows of a node. NaN propagates to its bin.
    """
    return _histogram.histograms(bins, gradients, hessians, n_bins, rows)  # type: ignore[no-any-return]


@kernel(cost=_subtract_cost, reference=reference.subtract_histograms)
def subtract_histograms(parent: Floats, child: Floats) -> Floats:
    """The histograms of a node's sibling: *parent* (f, b, 3) minus *child* (f, b, 3)."""
    return _histogram.subtract_histograms(parent, child)  # type: ignore[no-any-return]


@kernel(cost=_best_split_cost, reference=reference.best_split)
def best_split(
    histograms: Floats, l2: float = 0.0, min_hessian: float = 0.0, min_count: float = 1.0
) -> tuple[float, int, int]:
    """The best split (gain, feature, bin) of *histograms* (f, b, 3): bins up to *bin* go left.

    gain = G_L²/(H_L + l2) + G_R²/(H_R + l2) - G²/(H + l2); of equal gains the lowest feature, then the
    lowest bin. Each side holds at least *min_count* rows and *min_hessian*. (0.0, -1, -1) when no split
    gains.
    """
    return _histogram.best_split(histograms, l2, min_hessian, min_count)  # type: ignore[no-any-return]
