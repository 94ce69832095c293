"""Exact nearest neighbours and their distributed halves: a shard's search, the merge of what shards found, the vote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels import Call, Cost, merge_top_k, squared_distances, top_k_neighbours
from simcluster.learning.dataset import squarable


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

    def search_all(self, points: NDArray[np.float64], neighbours: int) -> Call[Neighbours]:
        """For each of ``points`` (q, d) its nearest rows of the shard, (q, k) each; the shard's rows must ascend.

        A shard that has fewer rows fills its lists with infinity, beside a row number above all others. A point that
        is no number, as a liar may send it, is taken for the nearest that is.
        """
        found = min(neighbours, len(self._rows))
        call = top_k_neighbours.call(squarable(points), self._features, found)

        def lists() -> Neighbours:
            distances, places = call()
            rows = self._rows[places]
            if found == neighbours:
                return Neighbours(distances, rows)
            missing = ((0, 0), (0, neighbours - found))
            return Neighbours(
                np.pad(distances, missing, constant_values=np.inf),
                np.pad(rows, missing, constant_values=np.iinfo(np.int64).max),
            )

        return Call(lists, call.cost)


def merge_all(parts: Sequence[Neighbours]) -> Call[Neighbours]:
    """For each query the nearest of all ``parts``, lists (q, k) of which each is a shard's, by (distance, row).

    A distance that is NaN, as a liar may say, is taken for infinite.
    """
    distances = np.stack([part.squared_distances for part in parts])
    call = merge_top_k.call(np.where(np.isnan(distances), np.inf, distances), np.stack([part.rows for part in parts]))
    return Call(lambda: Neighbours(*call()), call.cost)


def vote(targets: NDArray[Any], classes: int | None) -> Call[NDArray[Any]]:
    """What neighbours with these ``targets`` (q, k) say: the most frequent label, of those that tie the smallest.

    Where they are no labels (``classes`` is ``None``) it is their mean. (q,) each.
    """
    (queries, k), places = targets.shape, np.arange(len(targets))

    def said() -> NDArray[Any]:
        if classes is None:
            return np.asarray(targets.mean(axis=1))
        counts = np.zeros((queries, classes), dtype=np.int64)
        for column in targets.T:
            counts[places, column] += 1
        return np.asarray(counts.argmax(axis=1))

    choices = k + (classes or 0)
    return Call(said, Cost(flops=float(queries * choices), bytes=8.0 * queries * (choices + 1)))


def merge(parts: Sequence[Neighbours], neighbours: int) -> Neighbours:
    """The ``neighbours`` nearest of all ``parts``, by (distance, row)."""
    if neighbours < 1:
        raise ValueError(f"neighbours must be at least 1, got {neighbours}")
    distances = np.concatenate([part.squared_distances for part in parts])
    rows = np.concatenate([part.rows for part in parts])
    order = np.lexsort((rows, distances))[:neighbours]
    return Neighbours(distances[order], rows[order])
