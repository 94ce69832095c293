"""What runs on a node, and how one process, or one request, is ended without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simcluster.engine import Process

if TYPE_CHECKING:
    from simcluster.cluster.network.endpoint import Reply
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


def stop(node: Node, process: Process) -> None:
    """End a process that runs on a node, and what it computes; whoever awaits it learns nothing."""
    node._end((process,))
    node._processor.cancel(process)


def forget(node: Node, reply: Reply) -> None:
    """Await the reply to a request no longer: it never happens, and what comes all the same is late."""
    if reply.message.request_id is not None:
        node._withdraw(reply.message.request_id, reply.message.id)
