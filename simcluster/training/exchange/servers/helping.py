"""Who computes whose shard at present, and whom somebody who has nothing to do may help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.training.exchange.servers.present import Present
from simcluster.training.protocols import Progress, Reexecution

if TYPE_CHECKING:
    from simcluster.training.training import Training


class Helping(Present):
    """What the server knows of who computes what: it may be wrong, when somebody has crashed or not heard."""

    def __init__(self, training: Training, rule: Reexecution) -> None:
        workers, holders = training.job.workers, training.holders
        super().__init__(workers, holders)
        self._rule, self._life, self._given = rule, training.lives, 0
        self._doing: dict[str, str] = {}
        self._by: dict[str, dict[str, None]] = {worker: {} for worker in workers}
        self._late: dict[str, None] = {}
        self._copies: dict[str, list[str]] = {worker: [] for worker in workers}
        for turn in range(1, len(workers)):  # whose own is nearest stands first
            for place, worker in enumerate(workers):
                if place in holders[shard := (place - turn) % len(workers)]:
                    self._copies[worker].append(workers[shard])

    def asks(self, worker: str) -> None:
        """A worker asks for a step: it computes nothing."""
        self._by[self._doing.pop(worker, worker)].pop(worker, None)
        self._late.pop(worker, None)

    def arrived(self, whom: str) -> None:
        """What is still computed of a shard is not needed any more."""
        self._late |= self._by[whom]

    def overtaken(self) -> list[str]:
        """Who computes what is not needed, as far as is known."""
        return list(self._late)

    def turn(self, worker: str, progress: Progress) -> str:
        """Its own shard, or if that is there, one that is not and that it is to help with; else its own again."""
        clock, following = progress.clock, progress.next_clock
        if following[worker] <= clock:
            return worker
        behind = {whom: tuple(self._by[whom]) for whom in self._copies[worker] if following[whom] <= clock}
        whom = self._rule(worker, behind, progress) if behind else None
        if whom is None:
            return worker
        if whom not in behind:
            raise ValueError(f"{type(self._rule).__name__} must give one of {list(behind)} or None, got {whom!r}")
        return whom

    def gives(self, worker: str, whom: str, clock: int) -> tuple[int, ...]:
        """A worker is given a step of this shard; what it is told tells a newer word from an older one."""
        self.asks(worker)
        self._doing[worker] = whom
        self._by[whom][worker] = None
        self._given += 1
        return self._life, self._given, self.place(whom)
