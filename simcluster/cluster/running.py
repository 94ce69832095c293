"""What runs on a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simcluster.engine import Process

if TYPE_CHECKING:
    from simcluster.cluster.node import Node


class Running(NamedTuple):
    """A process of a node, and the booted program that it belongs to, if any."""

    node: Node
    owner: str | None
    process: Process

    @property
    def program(self) -> str:
        """Which program it is, or was spawned by, and where."""
        name, owner = self.process.name, self.owner
        spawned = f"{name}, which {owner} spawned," if owner and owner != name else name
        return f"{spawned} on {self.node.name}"
