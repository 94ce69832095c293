"""Exact nearest neighbours and their distributed halves: a shard's search, the merge of what shards found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels import Call, Cost, squared_distances


class Neighbours(NamedTuple):
    """The nearest rows, nearest first, ties by row number: squared distances (k,) and row numbers (k,), int64."""

    squared_distances: NDArray[np.float64]
    rows: NDArray[np.int64]


class NeighbourShard:
    """The rows of one shard, with the numbers that they have in the whole data set."""

    def __init__(self, features: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
        self._features = np.ascontiguousarray(features[rows])
        self._rows = rows

    def search(self, point: NDArray[np.float64], neighbours: int) -> Call[Neighbours]:
        """The ``neighbours`` rows of the shard nearest to ``point`` (d,); all rows when it has fewer."""
        call = squared_distances.call(point[np.newaxis], self._features)
        selection = Cost(flops=float(len(self._rows)), bytes=0.0)  # one comparison each, while they are at hand
        return Call(lambda: merge([Neighbours(call()[0], self._rows)], neighbours), call.cost + selection)


def merge(parts: Sequence[Neighbours], neighbours: int) -> Neighbours:
    """The ``neighbours`` nearest of all ``parts``, by (distance, row)."""
    if neighbours < 1:
        raise ValueError(f"neighbours must be at least 1, got {neighbours}")
    distances = np.concatenate([part.squared_distances for part in parts])
    rows = np.concatenate([part.rows for part in parts])
    order = np.lexsort((rows, distances))[:neighbours]
    return Neighbours(distances[order], rows[order])
