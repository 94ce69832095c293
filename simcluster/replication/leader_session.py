"""A client's way to a store in which one replica at a time answers, and the others know it or do not."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simcluster.cluster import UNANSWERED, Node
from simcluster.engine import Event
from simcluster.replication.protocols import Operation, Refused, Replicas
from simcluster.replication.state_machine import Command

ASK = "ask"
"""The word of what clients send: a command, answered by ("done", value), ("refused", why) or ("elsewhere", name)."""


class LeaderSession:
    """Asks whom it takes for the leader; whoever is not says who it is, and after silence the next is asked.

    It asks on until there is an answer. All attempts carry one command, so that replicas can do it once.
    """

    def __init__(self, replicas: Replicas, node: Node, client: int) -> None:
        self._replicas, self._node, self._client = replicas, node, client
        self._place = client % len(replicas.names)

    def ask(self, operation: Operation) -> Generator[Event, Any, Any]:
        """Steps whose value is what the operation gave. Raises ``Refused``."""
        replicas, node = self._replicas, self._node
        names, kind, command = replicas.names, replicas.kind(ASK), tuple(Command.of(self._client, operation))
        while True:
            try:
                reply = yield node.request(names[self._place], kind, command, None, replicas.retry_s)
            except UNANSWERED as failure:
                self._place = (self._place + 1) % len(names)
                if failure.definite:  # it took no time, so the next attempt must not come at the same moment
                    yield node.timer(replicas.retry_s)
                continue
            outcome, value = reply.body
            if outcome == "done":
                return value
            if outcome == "refused":
                raise Refused(value)
            if value in names and value != names[self._place]:
                self._place = names.index(value)
            else:
                self._place = (self._place + 1) % len(names)
                yield node.timer(replicas.retry_s / 4)
