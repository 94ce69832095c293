"""A local store: each node keeps values on its own disk, for its own programs."""

from __future__ import annotations

from typing import Any, Literal

from simcluster.cluster import Cluster, Node
from simcluster.engine import Program, Spec
from simcluster.recovery.checkpoint import Checkpoint


class LocalStore(Spec):
    """Two copies of each value on the node's own disk, of which the newer whole one counts.

    So a write reads first which of them that is. A value is lost with the disk, and other nodes have none of it.
    """

    kind: Literal["local"] = "local"

    def start(self, cluster: Cluster) -> None:
        """There is nothing to boot."""

    def preload(self, cluster: Cluster, reader: str, key: str, value: Any, size_bytes: float) -> None:
        """Let a value lie on the disk of who reads it. A read takes what the disk takes for ``size_bytes``."""
        Checkpoint(cluster[reader], key).lay(value, size_bytes)

    def write(self, node: Node, key: str, value: Any, size_bytes: float | None = None) -> Program:
        """Write and flush. Raises ``DiskFull`` or ``DiskLost``; after ``DiskFull`` the value before still counts."""
        yield from Checkpoint(node, key).save(value, size_bytes)

    def read(self, node: Node, key: str) -> Program:
        """The value under ``key``. Raises ``KeyError``, ``Corrupted`` (both copies are damaged) or ``DiskLost``."""
        kept = yield from Checkpoint(node, key).find()
        if kept is None:
            raise KeyError(key)
        return kept[0]
