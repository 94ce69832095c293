"""Replication: each row on several workers, of which one counts it and the others may take its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Open, Spec
from simcluster.learning.data.key_sharding import ByHash, ByRange
from simcluster.learning.data.label_sharding import ByLabel, Dirichlet
from simcluster.learning.data.sharding import Shards, by_key, ordered, random
from simcluster.learning.data.size_sharding import LogNormalSizes
from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array, Integers, Sharding

AnySharding = Annotated[
    Sharding,
    Open(Sharding, ByHash, ByRange, ByLabel, Dirichlet, LogNormalSizes, random=random, ordered=ordered, by_key=by_key),
]
"""A sharding of single copies, or one's own; in a file ``kind`` says which."""


class Replicated(Spec):
    """Each shard lies on its own worker and on those that follow it, ``copies`` in all (chained declustering).

    (Hsiao & DeWitt, ICDE 1990; each worker has as many copies as any other, and the work of one that fails falls on its
    neighbour.) Shards are those of ``sharding``: every row is in exactly one, and a sum over shards counts each row
    once, where a row in two shards would count twice. A copy does nothing until the worker of its shard is suspected of
    being gone; then the first who has one and is not suspected contributes in its place, the same to the last bit, and
    of each step whichever comes first counts.
    """

    kind: Literal["replicated"] = "replicated"
    sharding: AnySharding = random
    """Which rows lie in which shard."""
    copies: Annotated[int, Field(ge=2, le=10**9), NUMBER] = 2
    """On how many workers each row lies, at most as many as there are."""

    def __call__(self, data: Dataset, shares: Array, generator: np.random.Generator) -> Shards:
        """Row numbers of each shard, every row in exactly one."""
        return [np.asarray(rows) for rows in self.sharding(data, shares, generator)]

    def holders(self, workers: int) -> list[tuple[int, ...]]:
        """Which workers have each of as many shards, its own first.

        Raises ``ValueError`` for more copies than workers.
        """
        if self.copies > workers:
            raise ValueError(f"copies must be at most the {workers} workers, got {self.copies}")
        return [tuple((shard + turn) % workers for turn in range(self.copies)) for shard in range(workers)]


def copied_rows(how: Sharding, shards: Sequence[Integers]) -> list[Integers]:
    """The rows of other workers' shards that each worker has copies of; none but of a sharding with ``holders``."""
    held: list[list[Integers]] = [[] for _ in shards]
    for shard, holders in enumerate(holders_of(how, len(shards))):
        for worker in holders[1:]:
            held[worker].append(shards[shard])
    return [np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64) for rows in held]


def holders_of(how: Sharding, workers: int) -> list[tuple[int, ...]]:
    """Which workers have each shard, its own first; a sharding without ``holders`` has no copies."""
    holders = getattr(how, "holders", None)
    return [(shard,) for shard in range(workers)] if holders is None else holders(workers)
