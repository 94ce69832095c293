"""Binning: each feature in at most 256 intervals, so that a tree need not look at every value."""

from __future__ import annotations

import numpy as np

from simcluster.kernels.reference import Bytes
from simcluster.learning.protocols import Array


def bin_edges(features: Array, max_bins: int) -> Array:
    """The upper edges of all bins but the last of each feature of (n, d), (d, most bins − 1); ∞ where it has fewer.

    They are those of scikit-learn's histogram trees: the middles between neighbouring values where these are at most
    ``max_bins``, the quantiles otherwise. They depend on which rows there are, and not on where they lie.
    """
    edges = [_edges(column, max_bins) for column in features.T]
    made = np.full((len(edges), max(map(len, edges), default=0)), np.inf)
    for feature, own in enumerate(edges):
        made[feature, : len(own)] = own
    return made


def binned(features: Array, edges: Array) -> Bytes:
    """The bin of each value of (n, d), (d, n): the first whose upper edge it does not exceed."""
    columns = [np.searchsorted(own, column) for column, own in zip(features.T, edges, strict=True)]
    return np.array(columns, dtype=np.uint8).reshape(len(edges), len(features))


def _edges(column: Array, max_bins: int) -> Array:
    values = np.unique(column)
    if len(values) > max_bins:
        quantiles = np.linspace(0, 100, max_bins + 1)[1:-1]
        return np.unique(np.percentile(column, quantiles, method="averaged_inverted_cdf"))
    low, high = values[:-1], values[1:]
    middles = 0.5 * low + 0.5 * high
    return np.where(middles < high, middles, low)  # between neighbours among the floats there is no middle
