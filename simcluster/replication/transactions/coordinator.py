"""A coordinator: a client's node, which carries its transactions through, and remembers what it has decided."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from simcluster.cluster import Message, Node
from simcluster.engine import Event, Program
from simcluster.recovery import ask
from simcluster.replication.journal import Journal
from simcluster.replication.protocols import Operation
from simcluster.replication.transactions.lock_table import Name
from simcluster.replication.transactions.protocols import Isolation
from simcluster.replication.transactions.store import Store
from simcluster.replication.transactions.transaction import Transaction

Steps = Generator[Event, Any, Any]


class Coordinator:
    """What one client's node knows of its transactions, and a session of the client.

    On its disk is what shards have still to be told: to commit, or to undo what no lock has hidden. Who asks for a
    transaction that is neither there nor under way is told that it was aborted: so an abort needs no record (presumed
    abort). While this node is down nobody is told anything, and keys that shards have voted for stay locked.
    """

    def __init__(self, node: Node, store: Store, isolation: Isolation) -> None:
        self.node, self.store = node, store
        self._isolation = isolation
        self._active: dict[Name, None] = {}
        self._to_tell: dict[Name, tuple[str, tuple[str, ...], Any]] = {}
        self._journal = Journal(node, store.kind("coordinator"), self._whole, flush=store.flush)

    def recover(self) -> Steps:
        """Steps that come back from the disk, and let the node do what it had left to do."""
        for name, what in (yield from self._journal.restore()):
            if what is None:
                self._to_tell.pop(name, None)
            else:
                self._to_tell[name] = what
        self.node.spawn(self._journal.run())
        for name in tuple(self._to_tell):
            self.node.spawn(self.tell(name))
        self.node.spawn(self._answer())

    def ask(self, operation: Operation) -> Steps:
        """Steps whose value is the transaction's steps with what they have read."""
        transaction = Transaction(self, operation)
        self._active[transaction.name] = None
        try:
            yield from self._isolation(transaction)
            if transaction.fate == "open":
                raise ValueError("an isolation must commit a transaction or raise a Failure, got neither")
        finally:  # also when the client gives up
            if transaction.fate == "open":
                self._give_up(transaction)
        self._active.pop(transaction.name, None)
        return tuple(transaction.results)

    def _give_up(self, transaction: Transaction) -> None:
        self._active.pop(transaction.name, None)
        for shard in transaction.locked:
            self.node.send(shard, self.store.kind("abort"), transaction.name)
        if transaction.name in self._to_tell:
            self.node.spawn(self.tell(transaction.name))

    def _whole(self) -> list[Any]:
        return list(self._to_tell.items())

    def promise(self, name: Name, word: str, shards: tuple[str, ...], body: Any) -> Steps:
        """Steps until it is durable that shards are to be told something."""
        self._to_tell[name] = (word, shards, body)
        self._journal.append((name, self._to_tell[name]))
        yield from self._journal.durable()

    def decide(self, name: Name, word: str, shards: tuple[str, ...], body: Any) -> Steps:
        """Steps until a decision is durable; it is, even if nobody awaits it any more, and then shards are told."""

        def steps() -> Program:
            yield from self.promise(name, word, shards, body)
            del self._active[name]
            self.node.spawn(self.tell(name))

        yield self.node.spawn(steps())

    def tell(self, name: Name) -> Steps:
        """Steps until all have been told that must be."""
        word, shards, body = self._to_tell[name]
        yield from self.ask_each(word, dict.fromkeys(shards, body))
        yield from self.forget(name)

    def forget(self, name: Name) -> Steps:
        """Steps until it is durable that nobody is to be told any more."""
        self._active.pop(name, None)
        if self._to_tell.pop(name, None) is not None:
            self._journal.append((name, None))
        yield from self._journal.durable()

    def ask_for(self, shard: str, word: str, body: Any = None, attempts: int | None = None) -> Steps:
        """Steps whose value is a shard's reply; without ``attempts`` they ask for ever."""
        kind, retry_s = self.store.kind(word), self.store.retry_s
        return (yield from ask(self.node, shard, kind, body, timeout_s=retry_s, attempts=attempts))

    def ask_each(self, word: str, bodies: Mapping[str, Any]) -> Steps:
        """Steps whose value is what shards answer that are asked at once, in their order."""
        asked = [self.node.spawn(self.ask_for(shard, word, body)) for shard, body in bodies.items()]
        answers = []
        for each in asked:
            answers.append((yield each).body)
        return answers

    def _answer(self) -> Program:
        """Tell shards that ask what became of a transaction: nothing while that is open."""
        while True:
            message: Message = yield self.node.receive(self.store.kind("outcome"))
            name = message.body
            if name in self._active:
                self.node.reply(message)
            elif name in self._to_tell and self._to_tell[name][0] == "commit":
                self.node.reply(message, self._to_tell[name][2][1:])
            else:
                self.node.reply(message, (False, 0))
