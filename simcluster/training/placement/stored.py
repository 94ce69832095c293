"""Rows that lie in storage: on each worker's own disk, on that of one server, or on those of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import field_validator

from simcluster.cluster import UNANSWERED, Cluster, DiskLost, Node
from simcluster.engine import Period, Program, Spec
from simcluster.recovery import AnyStore, LocalStore, Preloads, Store

if TYPE_CHECKING:
    from simcluster.training.training import Training


class Stored(Spec):
    """Each worker reads its rows before its first step, and again after each crash, and pays for it in simulated time.

    The rows of a worker, S = 8 (d + 1) bytes each, are one block, which has lain in ``store`` since before the run.
    With disks of B bytes a second that take s for a place, messages that take L and interfaces of N bytes a second:

    "local"          s + S/B, all workers at a time.
    "remote"         the server reads one worker's rows after the other's and sends each as soon as it has them, so
                     that the last worker of several is done after about the sum of s + S/B or of S/N, of whichever is
                     longer, one of the other, and 2 L.
    "distributed"    4 L + s + S/B + S/N for a worker whose servers nobody else asks; what lies on the same server is
                     read there one after the other.

    A store that has a time-out sends its request again after that, which a server then serves again: it should be
    longer than the longest read. What comes damaged is read again. Raises ``DiskLost`` or ``Corrupted`` on a worker
    whose rows are nowhere any more.
    """

    kind: Literal["stored"] = "stored"
    store: AnyStore = LocalStore()
    """Where rows lie; one of one's own has to be able to ``preload`` them."""
    retry_s: Period = 1.0
    """After how long a worker reads again where nobody has answered, or what came was damaged."""

    @field_validator("store")
    @classmethod
    def _holds_what_lay_there(cls, store: Store) -> Store:
        if not hasattr(store, "preload"):
            raise ValueError(f"store must have preload where rows lie in it before the run, got {store!r}")
        return store

    def start(self, training: Training, cluster: Cluster) -> None:
        """Let the rows lie there. Raises ``DiskFull`` where they find no room."""
        store: Preloads = self.store  # type: ignore[assignment]
        store.start(cluster)
        for worker, name in enumerate(training.job.workers):
            rows = training.shard(worker)
            store.preload(cluster, name, _key(training, worker), (rows.features, rows.targets), rows.size_bytes)

    def load(self, training: Training, node: Node, worker: int) -> Program:
        """Read them, until they are as they were; a record says since when."""
        begin_s, rows = node.env.now, training.shard(worker)
        while True:
            try:
                features, targets = yield from self.store.read(node, _key(training, worker))
            except UNANSWERED:
                yield node.timer(self.retry_s)
                continue
            except KeyError:
                raise DiskLost(f"no whole copy of the rows of {node.name} is in the store any more") from None
            if np.array_equal(features, rows.features) and np.array_equal(targets, rows.targets):
                break
            yield node.timer(self.retry_s)
        node.cluster.trace.recorder("load", "worker", "size_bytes", "begin_s")(node.name, rows.size_bytes, begin_s)


def _key(training: Training, worker: int) -> str:
    return f"{training.job.name}.rows-{worker}"
