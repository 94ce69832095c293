"""The parameter server: takes contributions, completes steps in order, answers with parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Corrupted, DiskFull, DiskLost, Message, Node
from simcluster.engine import Event
from simcluster.learning import Call, Cost, Training
from simcluster.recovery import Checkpoint
from simcluster.training.staleness import may_start, visible_before

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


def serve(
    node: Node, *, job: TrainingJob, training: Training, finish: Callable[[Any, int], None]
) -> Generator[Event, Any, None]:
    """Serve one training run until all its steps are complete."""
    record = node.cluster.trace.recorder
    record_contribution = record("contribution", "worker", "clock", "accepted")
    record_loss = record("loss", "step", "loss")
    ledger = Ledger(job, training)
    keeper = _Keeper(node, ledger)
    yield from keeper.restore()
    waiting: dict[str, Message] = {}
    evaluated = ledger.clock

    while True:
        message = yield node.receive("step")
        if message.source not in waiting or message.id > waiting[message.source].id:
            waiting[message.source] = message  # the newest: an older one may have been overtaken on the way
        if message.body is not None:
            clock, contribution = message.body
            accepted = ledger.accept(message.source, clock, contribution)
            record_contribution(message.source, clock, accepted)
        while ledger.complete():
            yield node.compute(ledger.commit_call())
            if job.checkpoint_every and ledger.clock % job.checkpoint_every == 0 and ledger.clock < job.steps:
                yield from keeper.save()
        steps = ledger.accepted // ledger.quorum
        if steps >= evaluated + job.evaluate_every or (steps > evaluated and ledger.clock == job.steps):
            evaluated = steps
            parameters = ledger.view(math.inf)
            loss = training.loss(parameters)
            record_loss(steps, loss)
            if job.target_loss is not None and loss <= job.target_loss:
                finish(parameters, steps)
        if ledger.clock == job.steps:
            finish(training.parameters(ledger.state), ledger.clock)
        for worker in job.workers:
            if worker in waiting:
                clock = ledger.next_clock(worker)
                if clock < job.steps and may_start(clock, ledger.clock, job.staleness):
                    node.reply(waiting.pop(worker), (clock, ledger.view(visible_before(clock, job.staleness))))


class _Keeper:
    """Saves the ledger, and restores it; where the disk fails, training goes on without, and a record says so."""

    def __init__(self, node: Node, ledger: Ledger) -> None:
        record = node.cluster.trace.recorder
        self._checkpoint = Checkpoint(node)
        self._ledger = ledger
        self._record_save = record("checkpoint", "clock")
        self._record_restore = record("restore", "clock")
        self._record_failure = record("checkpoint_failed", "operation", "clock", "cause")

    def save(self) -> Generator[Event, Any, None]:
        """Save the state after the complete steps; if that fails, the checkpoint before remains, unless it is lost."""
        try:
            yield from self._checkpoint.save((self._ledger.clock, self._ledger.state))
        except (DiskFull, DiskLost) as failure:
            self._record_failure("save", self._ledger.clock, failure.cause)
        else:
            self._record_save(self._ledger.clock)

    def restore(self) -> Generator[Event, Any, None]:
        """Go on from what was saved, if there is anything that can be read."""
        try:
            saved = yield from self._checkpoint.restore()
        except (Corrupted, DiskLost) as failure:
            self._record_failure("restore", self._ledger.clock, failure.cause)
            return
        if saved is not None:
            self._ledger.clock, self._ledger.state = saved
            self._record_restore(self._ledger.clock)


class Ledger:
    """What the server knows: the state after ``clock`` complete steps, and contributions to the steps beyond.

    Contributions are always folded in the order of (clock, worker), never in the order of arrival.
    """

    def __init__(self, job: TrainingJob, training: Training) -> None:
        self._training = training
        self._index = {worker: index for index, worker in enumerate(job.workers)}
        self._pending: dict[int, dict[int, Any]] = {}
        self.quorum = len(job.workers) - job.backup_workers
        self.clock = 0
        self.state = training.initial()

    @property
    def accepted(self) -> int:
        """Contributions that count: those of complete steps and those that are pending."""
        return self.clock * self.quorum + sum(len(step) for step in self._pending.values())

    def next_clock(self, worker: str) -> int:
        """The first incomplete step to which ``worker`` has not contributed."""
        index, clock = self._index[worker], self.clock
        while index in self._pending.get(clock, ()):
            clock += 1
        return clock

    def accept(self, worker: str, clock: int, contribution: Any) -> bool:
        """Take a contribution unless it is a repetition, too late, or ahead of what the server remembers."""
        if clock != self.next_clock(worker):
            return False
        step = self._pending.setdefault(clock, {})
        step[self._index[worker]] = contribution
        return True

    def complete(self) -> bool:
        """Whether enough workers have contributed to the current step."""
        return len(self._pending.get(self.clock, ())) >= self.quorum

    def commit_call(self) -> Call[None]:
        """The computation that completes the current step."""
        size = self._training.contribution_size * self.quorum
        return Call(self._commit, Cost(flops=2.0 * size, bytes=24.0 * size))

    def view(self, before_clock: float) -> Any:
        """The parameters after all complete steps and the pending contributions to steps before ``before_clock``."""
        state = self.state
        for clock in sorted(self._pending):
            if clock < before_clock:
                state = self._fold(state, self._pending[clock])
        return self._training.parameters(state)

    def _commit(self) -> None:
        self.state = self._fold(self.state, self._pending.pop(self.clock))
        self.clock += 1

    def _fold(self, state: Any, step: dict[int, Any]) -> Any:
        for index in sorted(step):
            state = self._training.fold(state, index, step[index], 1.0 / self.quorum)
        return state
