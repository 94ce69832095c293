"""What a stage keeps on its disk: what it was before its last step, and after it."""

from __future__ import annotations

from typing import NamedTuple

from simcluster.cluster import Failure, Node
from simcluster.engine import Program
from simcluster.learning import Array
from simcluster.recovery import Checkpoint


class State(NamedTuple):
    """A stage's piece of the parameters before a step, and what its optimiser remembers."""

    parameters: Array
    memory: Array


class Kept:
    """The states of a stage by step, of which the disk has those of the last two."""

    def __init__(self, node: Node, name: str, retry_s: float) -> None:
        self._node, self._retry_s = node, retry_s
        self._checkpoint = Checkpoint(node, name)
        record = node.cluster.trace.recorder
        self._record_save = record("checkpoint", "clock")
        self._record_restore = record("restore", "clock")
        self._record_failure = record("checkpoint_failed", "operation", "clock", "cause")

    def restore(self) -> Program:
        """Its value is the states that were saved last, ``None`` where there are none that can be read."""
        try:
            kept = yield from self._checkpoint.restore()
        except Failure as failure:
            self._record_failure("restore", 0, failure.cause)
            return None
        if kept is None:
            return None
        clock, before, now = kept
        self._record_restore(clock)
        return {clock - 1: State(*before), clock: State(*now)}

    def save(self, clock: int, states: dict[int, State]) -> Program:
        """Make durable what the stage is after ``clock`` steps, and was before the last; again until that is done."""
        state = clock, tuple(states[clock - 1]), tuple(states[clock])
        while True:
            try:
                yield from self._checkpoint.save(state)
            except Failure as failure:
                self._record_failure("save", clock, failure.cause)
                yield self._node.timer(self._retry_s)
            else:
                self._record_save(clock)
                return
