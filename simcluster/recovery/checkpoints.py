"""Recovery by checkpoints on the node's own disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from simcluster.cluster import Corrupted, DiskFull, DiskLost, Node
from simcluster.engine import Open, Program, Spec
from simcluster.recovery.checkpoint import Checkpoint
from simcluster.recovery.protocols import Recovery


class Checkpoints(Spec):
    """A checkpoint after every so many steps; one that the disk fails to save or to restore is passed over."""

    kind: Literal["checkpoints"] = "checkpoints"
    every: Annotated[int, Field(ge=1)] = 10
    """How many steps lie between two."""

    def keeper(self, node: Node, name: str) -> CheckpointKeeper:
        """What keeps the state on the disk of ``node``."""
        return CheckpointKeeper(node, name, self.every)


class CheckpointKeeper:
    """Saves and restores; where the disk fails, the job goes on without, and a record says so."""

    def __init__(self, node: Node, name: str, every: int) -> None:
        record = node.cluster.trace.recorder
        self._checkpoint, self._every = Checkpoint(node, name), every
        self._record_save = record("checkpoint", "clock")
        self._record_restore = record("restore", "clock")
        self._record_failure = record("checkpoint_failed", "operation", "clock", "cause")

    def after_step(self, clock: int, state: Callable[[], Any]) -> Program:
        """Save what is due; if that fails, the checkpoint before remains, unless it is lost."""
        if clock % self._every:
            return
        try:
            yield from self._checkpoint.save((clock, state()))
        except (DiskFull, DiskLost) as failure:
            self._record_failure("save", clock, failure.cause)
        else:
            self._record_save(clock)

    def restore(self) -> Program:
        """What was saved last, if there is anything that can be read."""
        try:
            saved = yield from self._checkpoint.restore()
        except (Corrupted, DiskLost) as failure:
            self._record_failure("restore", 0, failure.cause)
            return None
        if saved is None:
            return None
        clock, state = saved
        self._record_restore(clock)
        return state


AnyRecovery = Annotated[Recovery, Open(Recovery, Checkpoints)]
"""One of the recoveries here, or one's own; in a file ``kind`` says which."""
