"""Copies that keep, of stamped values, the latest of each key: what quorums ask."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from simcluster.cluster import Message, Node
from simcluster.engine import Program
from simcluster.replication.protocols import Replicas
from simcluster.replication.serve import serve
from simcluster.replication.shelf import Shelf

Stamped = tuple[Any, Any]
"""A stamp, (time, number of the operation), and the value."""
NEVER: Stamped = ((), None)
"""What nobody has written: its stamp is before all others."""


def later(one: Stamped, other: Stamped) -> Stamped:
    """That of the later stamp."""
    return other if other[0] > one[0] else one


def latest(states: Iterable[Stamped]) -> Stamped:
    """That of the latest stamp."""
    return max(states, key=_stamp)


def _stamp(state: Stamped) -> Any:
    return state[0]


class Copy:
    """A replica that answers a "read" with what it holds, and a "write" when it holds that or something later."""

    def __init__(self, node: Node, replicas: Replicas, durable: bool) -> None:
        self.node = node
        self.replicas = replicas
        self.shelf = Shelf(node, replicas.name, NEVER, durable, self._changed)

    def run(self) -> Program:
        """Take in what the disk has kept, and answer for ever."""
        yield from self.shelf.restore()
        yield from serve(self.node, self.replicas, read=self.read, write=self.write)

    def read(self, message: Message) -> None:
        """Say what is under a key."""
        self.node.reply(message, self.shelf.get(message.body))

    def write(self, message: Message) -> None:
        """Take a stamped value in."""
        key, state = message.body
        self.shelf.take(key, partial(later, state), partial(self.node.reply, message))

    def _changed(self, key: str, before: Stamped, after: Stamped) -> None:
        self.replicas.applied(after[0][1], self.node.name)
