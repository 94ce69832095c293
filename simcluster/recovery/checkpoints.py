"""Recovery by checkpoints, on the node's own disk or in a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from simcluster.cluster import Cluster, Failure, Node
from simcluster.engine import Open, Program, Spec
from simcluster.recovery.checkpoint import Checkpoint
from simcluster.recovery.intervals import StepsOrInterval
from simcluster.recovery.intervals.pace import Pace
from simcluster.recovery.protocols import Recovery, Store
from simcluster.recovery.stores.distributed_store import DistributedStore
from simcluster.recovery.stores.local_store import LocalStore
from simcluster.recovery.stores.remote_store import RemoteStore

AnyStore = Annotated[Store, Open(Store, LocalStore, RemoteStore, DistributedStore)]
"""One of the stores here, or one's own; in a file ``kind`` says which."""


class Checkpoints(Spec):
    """A checkpoint every now and then; one that cannot be saved, or restored, is passed over."""

    kind: Literal["checkpoints"] = "checkpoints"
    every: StepsOrInterval = 10
    """How many steps lie between two, or how many seconds, as ``Young`` or a rule of one's own says.

    By seconds it is the first step that ends after so many since the last checkpoint.
    """
    store: AnyStore = LocalStore()
    """Where they are kept."""

    def start(self, cluster: Cluster) -> None:
        """Boot what the store needs."""
        self.store.start(cluster)

    def keeper(self, node: Node, name: str) -> CheckpointKeeper:
        """What keeps the state ``name`` of a program on ``node``."""
        return CheckpointKeeper(node, name, self)


class CheckpointKeeper:
    """Saves and restores; where the store fails, the job goes on without, and a record says so."""

    def __init__(self, node: Node, name: str, recovery: Checkpoints) -> None:
        record = node.cluster.trace.recorder
        local = isinstance(recovery.store, LocalStore)
        self._checkpoint = Checkpoint(node, name) if local else _Kept(node, name, recovery.store)
        self._pace = Pace(node, recovery.every)
        self._record_save = record("checkpoint", "clock")
        self._record_restore = record("restore", "clock")
        self._record_failure = record("checkpoint_failed", "operation", "clock", "cause")

    def after_step(self, clock: int, state: Callable[[], Any]) -> Program:
        """Save what is due; if that fails, the checkpoint before remains, unless it is lost."""
        if not self._pace.due(clock):
            return
        self._pace.begin()
        try:
            yield from self._checkpoint.save((clock, state(), *self._pace.known))
        except Failure as failure:
            self._pace.end(saved=False)
            self._record_failure("save", clock, failure.cause)
        else:
            self._pace.end(saved=True)
            self._record_save(clock)

    def restore(self) -> Program:
        """What was saved last, if there is anything that can be read."""
        try:
            saved = yield from self._checkpoint.restore()
        except Failure as failure:
            saved = None
            self._record_failure("restore", 0, failure.cause)
        clock, state, *known = (0, None) if saved is None else saved
        self._pace.restored(*known)
        if saved is not None:
            self._record_restore(clock)
        return state


class _Kept:
    """A checkpoint in a store; one on the own disk knows which of its copies counts, and need not read first."""

    def __init__(self, node: Node, name: str, store: Store) -> None:
        self._node = node
        self._key = f"{name}.checkpoint"
        self._store = store

    def save(self, state: Any) -> Program:
        yield from self._store.write(self._node, self._key, state)

    def restore(self) -> Program:
        try:
            return (yield from self._store.read(self._node, self._key))
        except KeyError:
            return None


AnyRecovery = Annotated[Recovery, Open(Recovery, Checkpoints)]
"""One of the recoveries here, or one's own; in a file ``kind`` says which."""
