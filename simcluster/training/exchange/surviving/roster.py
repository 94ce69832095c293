"""Who has whose rows: each worker its own, a spare those of one that is gone, and all that are there the rest."""

from __future__ import annotations

from collections.abc import Sequence

Part = tuple[int, int, int]
"""A shard, by the place of its worker, and which piece of so many of its rows."""


class Roster:
    """Which workers and spares are there, and what each of them has to compute in a step: every row once.

    A worker that is there has its own shard. The shard of one that is gone goes to a spare that is there and free, and
    stays with it; where there is none it is cut into as many pieces as there are others, one for each.
    """

    def __init__(self, workers: Sequence[str], spares: Sequence[str]) -> None:
        self._workers, self._spares = workers, spares
        self._there = dict.fromkeys((*workers, *spares), True)
        self._stands_in: dict[int, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """All that may be there."""
        return tuple(self._there)

    def set(self, name: str, there: bool) -> None:
        """Somebody is there from now on, or is not."""
        self._there[name] = there

    def has(self, name: str) -> bool:
        """Whether somebody is there."""
        return self._there[name]

    def deal(self) -> dict[str, tuple[Part, ...]]:
        """The parts of each who has any, in the order of shards; nobody has any where nobody is there."""
        busy = {
            shard: spare
            for shard, spare in self._stands_in.items()
            if self._there[spare] and not self._there[self._workers[shard]]
        }
        free = [spare for spare in self._spares if self._there[spare] and spare not in busy.values()]
        owners: dict[int, str] = {}
        shared: list[int] = []
        for shard, worker in enumerate(self._workers):
            if self._there[worker]:
                owners[shard] = worker
            elif shard in busy or free:
                busy.setdefault(shard, free[0] if shard not in busy else busy[shard])
                free = [spare for spare in free if spare != busy[shard]]
                owners[shard] = busy[shard]
            else:
                shared.append(shard)
        self._stands_in = busy
        count = len(owners)
        return {
            name: ((shard, 0, 1), *((gone, piece, count) for gone in shared))
            for piece, (shard, name) in enumerate(owners.items())
        }
