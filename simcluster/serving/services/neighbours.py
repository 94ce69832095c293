"""Exact nearest neighbours as a service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import NUMBER, Count, Spec, stream
from simcluster.kernels import Call
from simcluster.learning import (
    AnyData,
    AnySharding,
    Bundled,
    Dataset,
    Neighbours,
    NeighbourShard,
    merge,
    random,
    shard,
)


class NearestNeighbours(Spec):
    """The ``neighbours`` rows of a data set that are nearest to a point, ties by row number.

    The last ``query_share`` of the rows are what is asked, drawn at random again and again; the others are what is
    searched. The data is that of seed 0, whatever the run's.
    """

    kind: Literal["nearest_neighbours"] = "nearest_neighbours"
    data: AnyData = Bundled()
    """What is searched, and asked."""
    sharding: AnySharding = random
    """Which rows lie in which shard."""
    query_share: Annotated[float, Field(gt=0, lt=1), NUMBER] = 0.2
    """Which share of the rows is asked."""
    neighbours: Count = 5
    """How many an answer has."""

    def shards(self, count: int, seed: int) -> list[NeighbourShard]:
        """The rows of each shard; ``seed`` decides which they are."""
        data = self.data.load(0)
        count_known = len(data) - self._asked(data)
        if self.neighbours > count_known:
            raise ValueError(f"neighbours must be at most the {count_known} rows searched, got {self.neighbours}")
        known = Dataset(data.features[:count_known], data.targets[:count_known], data.classes)
        parts = shard(self.sharding, known, np.full(count, 1 / count), stream(seed, "partition"))
        return [NeighbourShard(known.features, np.sort(rows)) for rows in parts]

    def ask(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """Any of the rows that are asked, (d,)."""
        data = self.data.load(0)
        asked = self._asked(data)
        point: NDArray[np.float64] = data.features[len(data) - asked + int(generator.integers(asked))]
        return point

    def answer(self, shard: NeighbourShard, body: NDArray[np.float64]) -> Call[Neighbours]:
        """The nearest rows of the shard."""
        return shard.search(body, self.neighbours)

    def merge(self, parts: Sequence[Any]) -> Neighbours:
        """The nearest of all."""
        return merge([Neighbours(*part) for part in parts], self.neighbours)

    def _asked(self, data: Dataset) -> int:
        return max(1, round(len(data) * self.query_share))
