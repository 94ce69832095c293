"""What a parameter server knows: who has contributed to which step, and the parameters that came of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simcluster.learning import Array, Call, Cost
from simcluster.training.exchange.servers.waits import Waits
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
        self._waiting, self._steps = training.waiting, training.job.steps
        self._is_complete, self._sees = self._waiting.complete, self._waiting.sees
        self._open_for: object = None  # of which ``gone`` the rule has said that the step is not complete yet
        workers = training.job.workers
        self._index = {worker: index for index, worker in enumerate(workers)}
        self._next = dict.fromkeys(workers, 0)
        self._arrived: dict[int, list[str]] = {}
        self._pending: dict[int, dict[int, Array]] = {}
        self._early = 0  # how many contributions count whose step is not complete
        self._update = update_of(training)
        self._take, self._shares = self._update.take, training.shares
        self.progress = Progress(workers, self._next, seed=training.seed)
        rule: Any = self._waiting  # and what it may have beside the methods of the protocol
        self._env = training.done.env
        training.lives += 1
        self._life, self._updates = training.lives, 0  # whose parameters these are, and how often they moved
        self._weight: Callable[[float], float] | None = getattr(rule, "weight", None)
        self._weights: dict[int, float] = {}
        #: Whether a contribution counts for the step that is open, whatever its number.
        self.any_worker: bool = getattr(rule, "any_worker", False)
        self._waits = Waits(self._env, rule.window) if hasattr(rule, "window") else None
        self._doing: dict[str, int] | None = {} if getattr(rule, "cancels", False) else None
        compensates = hasattr(training.optimiser, "delayed_step")
        self._read: dict[str, dict[int, Array]] | None = {} if compensates else None
        self._reads: dict[int, Array] = {}
        #: Whether it is to be told who asks and who is given what.
        self.follows = compensates or self._doing is not None
        #: Whether a worker says at which parameters it has computed.
        self.versioned = self.follows or self._weight is not None
        self._begin()

    @property
    def parameters(self) -> Array:
        """The parameters, with all that counts."""
        return self._update.parameters

    @property
    def steps(self) -> int:
        """How many steps' worth of contributions count."""
        return self.progress.clock + self._early // len(self._index)

    @property
    def version(self) -> tuple[int, ...]:
        """What tells these parameters from earlier ones, for a worker to send back."""
        return self._life, self._updates

    def asks(self, worker: str) -> None:
        """A worker asks for a step: it computes none."""
        if self._doing is not None:
            self._doing.pop(worker, None)

    def gives(self, worker: str, parameters: Array) -> None:
        """A worker is given these parameters, which are those of now, to compute at."""
        if self._doing is not None:
            self._doing.pop(worker, None)  # so that the oldest stand first
            self._doing[worker] = self._updates
        if self._read is not None:
            self._read.setdefault(worker, {})[self._updates] = parameters

    def overtaken(self) -> list[str]:
        """Who computes what would count for nothing, as far as is known, where the rule cancels that."""
        found: list[str] = []
        for worker, updates in (self._doing or {}).items():
            if self._weight is None or self._weight(self._updates - updates) > 0:
                break
            found.append(worker)
        return found

    def accept(self, worker: str, clock: int, contribution: Array, version: tuple[Any, ...] = ()) -> bool:
        """Take a contribution unless it is a repetition, too late, or ahead of what the server remembers.

        ``version`` is that of the parameters it was computed at.
        """
        if self._waits is not None:
            self._waits.hear(worker, clock)
        following, index = self._next, self._index
        if clock != following[worker]:
            return False
        key = clock * len(index) + index[worker]
        if version and not self._weigh(worker, key, *version):
            return False
        progress = self.progress
        step = progress.clock if self.any_worker else clock
        following[worker] = clock + 1
        arrived, pending = self._arrived.get(step), self._pending.get(step)
        if arrived is None:
            arrived = self._arrived[step] = []
        if pending is None:
            pending = self._pending[step] = {}
        arrived.append(worker)
        pending[key] = contribution
        if step == progress.clock:
            progress.arrived = arrived
        self._open_for = None
        return True

    def _weigh(self, worker: str, key: int, life: int, updates: int) -> bool:
        """Whether a contribution counts at all; how much, and what it was computed at, is remembered."""
        if self._weight is not None:
            weight = self._weight(self._updates - updates if life == self._life else math.inf)
            if not weight > 0:
                return False
            self._weights[key] = weight
        if self._read is not None and (read := self._read.pop(worker, {}).get(updates)) is not None:
            self._reads[key] = read
        return True

    def due(self) -> Call[None] | None:
        """The next computation: to complete a step, or to take in what everybody may see. ``None``: there is none."""
        progress = self.progress
        clock, gone = progress.clock, progress.gone
        if gone is not self._open_for and clock < self._steps:  # else nothing has changed that the rule goes by
            if self._is_complete(progress):
                return self._complete(clock)
            self._open_for = gone
        if not self._pending:
            return None
        seen = self._sees(clock)
        for step, pending in self._pending.items():
            if step < seen:
                return self._take_one(step, pending)
        return None

    def state(self) -> tuple[Any, ...]:
        """What a checkpoint holds: what counts, and of whom; what is pending will be contributed again."""
        following = dict(self._next)
        workers = self.progress.workers
        for pending in self._pending.values():
            for key in pending:
                clock, index = divmod(key, len(workers))
                following[workers[index]] = min(following[workers[index]], clock)
        return self.progress.clock, tuple(self.progress.left_out), tuple(following.values()), self._update.state

    def restore(self, clock: int, left_out: Sequence[str], following: Sequence[int], state: tuple[Array, ...]) -> None:
        """Go on from what was kept."""
        self._next.update(zip(self._index, following, strict=True))
        for worker, step in () if self.any_worker else self._next.items():
            for each in range(clock, step):
                self._arrived.setdefault(each, []).append(worker)
                self._early += 1
        self.progress.clock, self.progress.left_out = clock, tuple(left_out)
        self.progress.arrived, self._open_for = self._arrived.get(clock, ()), None
        self._update.state = state
        self._begin()

    def _begin(self) -> None:
        """A step begins."""
        if self._waits is not None:
            self.progress.waits_s = self._waits.mean_s()
            self._waits.begin(self.progress.clock)

    def _take_one(self, step: int, pending: dict[int, Array]) -> Call[None]:
        """Take in one contribution of a step that is not complete."""
        key = next(iter(pending))
        contribution = pending.pop(key)
        if not pending:
            del self._pending[step]
        self._early += 1
        self._updates += 1
        index = key % len(self._index)
        share = self._shares[index]
        if self._weights:
            share *= self._weights.pop(key, 1.0)
        return self._take([index], [contribution], step, share, self._reads.pop(key, None) if self._reads else None)

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
            self._updates += 1
            keys = sorted(pending)
            indices = [key % len(self._index) for key in keys]
            shares = [self._shares[index] for index in indices]
            share = 1.0 if len(pending) == len(arrived) else math.fsum(shares)
            if self._weights:
                weighed = [self._weights.pop(key, 1.0) * each for key, each in zip(keys, shares, strict=True)]
                share *= math.fsum(weighed) / math.fsum(shares)
            reads = [self._reads.pop(key, None) for key in keys] if self._reads else [None]
            read = reads[0] if len(reads) == 1 else None  # whoever contributes to a whole step has read the same
            taken = self._take(indices, [pending[key] for key in keys], clock, share, read)

        def completed() -> None:
            if taken is not None:
                taken()
            for worker in () if self.any_worker else left_out:
                self._next[worker] = max(self._next[worker], clock + 1)
            progress.clock, progress.left_out = clock + 1, left_out
            progress.arrived, self._open_for = self._arrived.get(clock + 1, ()), None
            self._begin()

        return Call(completed, Cost(0.0, 0.0) if taken is None else taken.cost)
