"""The atomic register of Attiya, Bar-Noy and Dolev (1995), with many writers (Lynch and Shvartsman 1997)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from simcluster.cluster import Node
from simcluster.engine import Program, Spec
from simcluster.replication.answers import ask_quorum
from simcluster.replication.protocols import Operation, Replicas, Session
from simcluster.replication.stamped import Copy, Stamped, latest


class Abd(Spec):
    """Each operation asks a majority twice, and so is linearizable, without a leader and without consensus.

    A write asks for the latest stamp, and writes with the next one. A read asks for the latest value, and writes it
    back before it returns it, so that no later read sees an earlier one; where all of the majority hold it, it need
    not. It goes on as long as a majority is there.
    """

    kind: Literal["abd"] = "abd"
    writes_back: bool = True
    """Whether a read writes back what it returns; where not, a later read may see an earlier value."""
    durable: bool = True
    """Whether a copy writes to its disk, and flushes, before it answers; else a crash makes it forget what it has
    promised."""

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return ("read", "write")

    def refuses(self, replicas: int) -> str | None:
        """Nothing: any number will do."""
        return None

    def start(self, replicas: Replicas) -> None:
        """Boot the copies."""
        replicas.boot(lambda node: Copy(node, replicas, self.durable).run())

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """A client asks all copies itself."""
        return _Session(replicas, node, self.writes_back)


class _Session:
    def __init__(self, replicas: Replicas, node: Node, writes_back: bool) -> None:
        self._replicas, self._node, self._writes_back = replicas, node, writes_back
        self._majority = len(replicas.names) // 2 + 1

    def ask(self, operation: Operation) -> Program:
        key = operation.key or ""
        answers = yield from self._ask("read", key)
        state: Stamped = latest(answers.values())
        if operation.f == "read":
            if self._writes_back and any(each != state for each in answers.values()):
                yield from self._ask("write", (key, state))
            return state[1]
        count = state[0][0][0] if state[0] else 0.0
        yield from self._ask("write", (key, (((count + 1.0, 0), operation.number), operation.value)))

    def _ask(self, word: str, body: Any) -> Program:
        replicas = self._replicas
        return ask_quorum(
            self._node, replicas.names, replicas.kind(word), body, count=self._majority, retry_s=replicas.retry_s
        )
