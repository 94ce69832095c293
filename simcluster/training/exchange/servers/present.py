"""Who is there to contribute what: each worker its own shard, and the copy that it has of one whose worker is gone."""

from __future__ import annotations

from collections.abc import Sequence

from simcluster.training.protocols import Progress


class Present:
    """Which workers are suspected of being gone, and who contributes in their place: the first holder that is not."""

    def __init__(self, workers: Sequence[str], holders: Sequence[Sequence[int]]) -> None:
        self._workers, self._holders = workers, holders
        self._suspected: dict[str, None] = {}
        self._replaced: dict[str, list[str]] = {}

    def suspect(self, worker: str, suspected: bool) -> list[str]:
        """A worker is suspected, or no longer. Returns those whose rows nobody has that is not suspected."""
        self._suspected.pop(worker, None)
        if suspected:
            self._suspected[worker] = None
        self._replaced, gone = {}, []
        for shard, whose in enumerate(self._workers):
            there = (self._workers[place] for place in self._holders[shard])
            stand_in = next((each for each in there if each not in self._suspected), None)
            if stand_in is None:
                gone.append(whose)
            elif stand_in != whose:
                self._replaced.setdefault(stand_in, []).append(whose)
        return gone

    def turn(self, worker: str, progress: Progress) -> str:
        """Whose shard a worker contributes next: of its own and those in its hands, the one furthest behind."""
        if worker not in self._replaced:
            return worker
        return min((worker, *self._replaced[worker]), key=lambda whose: progress.next_clock[whose])

    def gives(self, worker: str, whom: str, clock: int) -> tuple[int, ...]:
        """A worker is given a step of this shard: what it is to say with its contribution."""
        return () if whom == worker else (self.place(whom),)

    def place(self, worker: str) -> int:
        """The place of a worker, which is that of its shard."""
        return self._workers.index(worker)

    def shard_of(self, worker: str, said: Sequence[int]) -> str:
        """Whose shard a contribution is of that says so, where the worker has a copy of it; else its own."""
        if said and holds(self._holders, said[-1], self.place(worker)):
            return self._workers[said[-1]]
        return worker


def holds(holders: Sequence[Sequence[int]], shard: int, worker: int) -> bool:
    """Whether a worker has a shard, if it is one: a number that has travelled may be any."""
    return 0 <= shard < len(holders) and worker in holders[shard]
