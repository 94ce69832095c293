"""Exact nearest neighbours as a service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import Spec
from simcluster.kernels import Call
from simcluster.learning import Dataset, DatasetName, Neighbours, NeighbourShard, Partition, load, merge, partition


class NearestNeighbours(Spec):
    """The ``neighbours`` rows of a data set that are nearest to a point, ties by row number.

    The last ``query_share`` of the rows are what is asked, drawn at random again and again; the others are what is
    searched.
    """

    kind: Literal["nearest_neighbours"] = "nearest_neighbours"
    dataset: DatasetName = "digits"
    partition: Partition = "random"
    query_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    neighbours: Annotated[int, Field(ge=1)] = 5

    def shards(self, count: int, seed: int) -> list[NeighbourShard]:
        """The rows of each shard; ``seed`` decides which they are."""
        dataset = load(self.dataset)
        known = dataset.rows(np.arange(len(dataset.labels) - self._asked(dataset)))
        parts = partition(self.partition, known.labels, count, seed)
        return [NeighbourShard(known.features, np.sort(rows)) for rows in parts]

    def ask(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """Any of the rows that are asked, (d,)."""
        dataset = load(self.dataset)
        asked = self._asked(dataset)
        point: NDArray[np.float64] = dataset.features[len(dataset.labels) - asked + int(generator.integers(asked))]
        return point

    def answer(self, shard: NeighbourShard, body: NDArray[np.float64]) -> Call[Neighbours]:
        """The nearest rows of the shard."""
        return shard.search(body, self.neighbours)

    def merge(self, parts: Sequence[Any]) -> Neighbours:
        """The nearest of all."""
        return merge([Neighbours(*part) for part in parts], self.neighbours)

    def _asked(self, dataset: Dataset) -> int:
        return max(1, round(len(dataset.labels) * self.query_share))
