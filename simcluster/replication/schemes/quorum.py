"""Quorums: a write is done when W of N copies have it, a read when R have answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from simcluster.cluster import Message, Node
from simcluster.engine import Count, Program, Spec
from simcluster.replication.answers import Answers
from simcluster.replication.protocols import Operation, Replicas, Session


class Quorum(Spec):
    """Gifford's quorums."""

    kind: Literal["quorum"] = "quorum"
    reads: Count | None = None
    """R."""
    writes: Count | None = None
    """W."""

    @property
    def operations(self) -> Sequence[str]:
        """Reads and writes."""
        return ("read", "write")

    def refuses(self, replicas: int) -> str | None:
        """More answers than copies."""
        for field in ("reads", "writes"):
            if (count := getattr(self, field)) is not None and count > replicas:
                return f"{field} must be at most the {replicas} replicas, got {count}"
        return None

    def start(self, replicas: Replicas) -> None:
        """Boot the replicas."""
        replicas.boot(lambda node: _replica(node, replicas))

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """The client asks all copies itself."""
        majority = len(replicas.names) // 2 + 1
        return _Session(replicas, node, client, self.reads or majority, self.writes or majority)


def _replica(node: Node, replicas: Replicas) -> Program:
    held: dict[str, tuple[Any, Any]] = {}
    while True:
        message: Message = yield node.receive(replicas.kind("read"), replicas.kind("write"))
        if message.kind == replicas.kind("read"):
            node.reply(message, held.get(message.body, ((0, 0), None)))
            continue
        key, stamp, value, operation = message.body
        if stamp > held.get(key, ((0, 0), None))[0]:
            held[key] = (stamp, value)
            replicas.applied(operation, node.name)
        node.reply(message)


class _Session:
    def __init__(self, replicas: Replicas, node: Node, client: int, reads: int, writes: int) -> None:
        self._replicas, self._node, self._client = replicas, node, client
        self._reads, self._writes = reads, writes

    def ask(self, operation: Operation) -> Program:
        if operation.f == "read":
            return (yield from self._read(operation.key))[1]
        stamp = (self._node.clock.now(), self._client)
        yield from self._ask("write", (operation.key, stamp, operation.value, operation.number), self._writes)
        return None

    def _read(self, key: str | None) -> Program:
        answers = yield from self._ask("read", key, self._reads)
        return max(answers.bodies.values(), key=lambda held: held[0])

    def _ask(self, word: str, body: Any, count: int) -> Program:
        while True:
            replicas = self._replicas
            kind = replicas.kind(word)
            answers = Answers(self._node, replicas.names, kind, body, timeout_s=replicas.retry_s)
            if (yield answers.at_least(count)):
                return answers
            yield self._node.timer(replicas.retry_s)
