"""Chain replication: operations enter at the head, and are done when they reach the tail."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Literal

from simcluster.cluster import ClusterSpec, Message, Node
from simcluster.engine import Event, Program, Spec
from simcluster.replication.leader_session import LeaderSession
from simcluster.replication.protocols import Operation, Replicas, Session
from simcluster.replication.schemes.views import Copy, View, Views
from simcluster.replication.schemes.views.copy import boot
from simcluster.replication.state_machine import OPERATIONS


class ChainReplication(Spec):
    """Each copy feeds the next; the tail, which holds only what all hold, answers reads.

    An operation is acknowledged when word of it has come back to the head, which answers as in CRAQ; in the paper the
    tail does. The paper's machines stop when they fail; those that only seem to have are asked for here by the tail:
    before it answers a read, it makes sure of its view, at the master or by a lease. Source: van Renesse & Schneider,
    "Chain replication for supporting high throughput and availability", OSDI 2004.
    """

    kind: Literal["chain"] = "chain"
    views: Views
    """Who says which copies are the chain."""

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return OPERATIONS

    def refuses(self, replicas: int) -> str | None:
        """A chain may be of any length."""
        return None

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` unless the master is in the cluster."""
        cluster.require("master", self.views.master)

    def start(self, replicas: Replicas) -> None:
        """Boot the master and the copies."""
        self.views.start(replicas, lambda members: 1)
        boot(self, replicas)

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """The way of a client to head and tail."""
        return ChainSession(LeaderSession(replicas, node, client), LeaderSession(replicas, node, client))

    def behind(self, view: View, name: str) -> tuple[str, ...]:
        """Each feeds the next."""
        if name not in view.members:
            return ()
        place = view.members.index(name)
        return view.members[place + 1 : place + 2]

    def needed(self, behind: int) -> int:
        """The next must hold it."""
        return behind

    def read(self, copy: Copy, message: Message, key: str) -> Program:
        """The tail answers with what it holds now, once that is durable and the view is known to be the last."""
        if copy.view is None or copy.view.members[-1] != copy.name:
            copy.node.reply(message, ("elsewhere", copy.last.members[-1] if copy.last.members else None))
            return
        answer = copy.machine.read(key)
        yield from copy.journal.durable()
        if (yield from copy.still()):
            copy.node.reply(message, answer)


class ChainSession:
    """A client that writes at the head and reads at the tail."""

    def __init__(self, head: LeaderSession, tail: LeaderSession) -> None:
        self._head, self._tail = head, tail

    def ask(self, operation: Operation) -> Generator[Event, Any, Any]:
        """Steps whose value is what the operation gave. Raises ``Refused``."""
        at = self._tail if operation.f == "read" else self._head
        return (yield from at.ask(operation))
