"""What a parameter server knows: who has contributed to which step, and the parameters that came of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simcluster.learning import Array, Call, Cost
from simcluster.training.protocols import Progress
from simcluster.training.update import update_of

if TYPE_CHECKING:
    from simcluster.training.training import Training


class Ledger:
    """Each contribution counts once: as soon as every worker may see it, or when its step is complete.

    What counts with its step is folded in the order of workers, never in that of arrival.
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._waiting, self._steps = training.job.waiting, training.job.steps
        workers = training.job.workers
        self._index = {worker: index for index, worker in enumerate(workers)}
        self._next = dict.fromkeys(workers, 0)
        self._arrived: dict[int, list[str]] = {}
        self._pending: dict[int, dict[int, Array]] = {}
        self._early = 0  # how many contributions count whose step is not complete
        self._update = update_of(training)
        self.progress = Progress(workers, self._next)

    @property
    def parameters(self) -> Array:
        """The parameters, with all that counts."""
        return self._update.parameters

    @property
    def steps(self) -> int:
        """How many steps' worth of contributions count."""
        return self.progress.clock + self._early // len(self._index)

    def accept(self, worker: str, clock: int, contribution: Array) -> bool:
        """Take a contribution unless it is a repetition, too late, or ahead of what the server remembers."""
        if clock != self._next[worker]:
            return False
        self._next[worker] = clock + 1
        self._arrived.setdefault(clock, []).append(worker)
        self._pending.setdefault(clock, {})[self._index[worker]] = contribution
        self.progress.arrived = self._arrived.get(self.progress.clock, ())
        return True

    def due(self) -> Call[None] | None:
        """The next computation: to complete a step, or to take in what everybody may see. ``None``: there is none."""
        clock = self.progress.clock
        if clock < self._steps and self._waiting.complete(self.progress):
            return self._complete(clock)
        if not self._pending:
            return None
        seen = self._waiting.sees(clock)
        for step, pending in self._pending.items():
            if step < seen:
                return self._take_one(step, pending)
        return None

    def state(self) -> tuple[Any, ...]:
        """What a checkpoint holds: what counts, and of whom; what is pending will be contributed again."""
        following = dict(self._next)
        workers = self.progress.workers
        for clock, pending in self._pending.items():
            for index in pending:
                following[workers[index]] = min(following[workers[index]], clock)
        return self.progress.clock, tuple(self.progress.left_out), tuple(following.values()), self._update.state

    def restore(self, clock: int, left_out: Sequence[str], following: Sequence[int], state: tuple[Array, ...]) -> None:
        """Go on from what was kept."""
        self._next.update(zip(self._index, following, strict=True))
        for worker, step in self._next.items():
            for each in range(clock, step):
                self._arrived.setdefault(each, []).append(worker)
                self._early += 1
        self.progress.clock, self.progress.left_out = clock, tuple(left_out)
        self.progress.arrived = self._arrived.get(clock, ())
        self._update.state = state

    def _take_one(self, step: int, pending: dict[int, Array]) -> Call[None]:
        """Take in one contribution of a step that is not complete."""
        index = next(iter(pending))
        values = [pending.pop(index)]
        if not pending:
            del self._pending[step]
        self._early += 1
        return self._update.take([index], values, step, self._training.shares[index])

    def _complete(self, clock: int) -> Call[None]:
        """Take in what is pending of the step, and go on to the next."""
        arrived = self._arrived.pop(clock, [])
        pending = self._pending.pop(clock, {})
        self._early -= len(arrived) - len(pending)
        progress = self.progress
        late = set(arrived)
        left_out = [worker for worker in progress.workers if worker not in late] if len(late) < len(self._index) else []
        taken: Call[None] | None = None
        if pending:
            indices = sorted(pending)
            shares = [self._training.shares[index] for index in indices]
            share = 1.0 if len(pending) == len(arrived) else math.fsum(shares)
            taken = self._update.take(indices, [pending[index] for index in indices], clock, share)

        def completed() -> None:
            if taken is not None:
                taken()
            for worker in left_out:
                self._next[worker] = max(self._next[worker], clock + 1)
            progress.clock, progress.left_out = clock + 1, left_out
            progress.arrived = self._arrived.get(clock + 1, ())

        return Call(completed, Cost(0.0, 0.0) if taken is None else taken.cost)
