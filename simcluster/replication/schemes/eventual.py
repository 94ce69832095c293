"""Eventual consistency: any copy answers at once, and copies find out what the others have (Dynamo, 2007)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

from simcluster.cluster import Message, Node
from simcluster.engine import Period, Program, Spec, stream
from simcluster.replication.answers import Answers
from simcluster.replication.merkle import ROOT, MerkleTree, children, is_leaf
from simcluster.replication.protocols import DataType, Operation, Replicas, Session
from simcluster.replication.serve import ask_in_turn, serve
from simcluster.replication.shelf import Shelf
from simcluster.replication.types import AnyDataType, LwwRegister


class Eventual(Spec):
    """Each client uses one copy as long as that answers, and another then; copies merge what they hear of each other.

    A copy that has changed tells the others at once. For one that does not say that it has heard, it keeps a hint, and
    hands it over later (hinted handoff; hints are in memory). And each copy compares itself, from time to time, with
    one drawn at random, by a Merkle tree, and both take in what the other has (anti-entropy, Demers et al. 1987). So
    copies become equal when they can reach each other and nobody writes any more, and until then a read may see
    anything that was written.
    """

    kind: Literal["eventual"] = "eventual"
    data: AnyDataType = LwwRegister()
    """What lies under each key."""
    tells: bool = True
    """Whether a copy tells the others at once what has changed."""
    hint_s: Period | None = 1.0
    """How often a copy hands over what others have not heard (``None``: never)."""
    gossip_s: Period | None = 1.0
    """How often a copy compares itself with another (``None``: never)."""
    durable: bool = True
    """Whether a copy writes to its disk, and flushes, before it answers; else a crash makes it forget everything."""

    @property
    def operations(self) -> Sequence[str]:
        """Those of what lies under the keys."""
        return self.data.operations

    def refuses(self, replicas: int) -> str | None:
        """Nothing: any number will do."""
        return None

    def start(self, replicas: Replicas) -> None:
        """Boot the copies."""
        replicas.boot(lambda node: _Replica(node, replicas, self).run())

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """A way to one copy at a time; clients begin at different ones."""
        return _Session(replicas, node, client, self.data)


class _Session:
    def __init__(self, replicas: Replicas, node: Node, client: int, data: DataType) -> None:
        self._replicas, self._node, self._data = replicas, node, data
        self._place = client % len(replicas.names)
        self._seen: dict[str, Any] = {}
        self._memory: dict[str, Any] = {}

    def ask(self, operation: Operation) -> Program:
        key = operation.key or ""
        if operation.f == "read" or (self._data.reads_first and key not in self._seen):
            self._seen[key] = yield from self._ask("read", key)
        seen = self._seen.get(key, self._data.empty)
        if operation.f == "read":
            return self._data.value(seen)
        body = self._data.prepare(operation, seen, self._memory, self._node)
        yield from self._ask("update", (key, operation.f, body))

    def _ask(self, word: str, body: Any) -> Program:
        replicas = self._replicas
        kind, retry_s = replicas.kind(word), replicas.retry_s
        self._place, answer = yield from ask_in_turn(
            self._node, replicas.names, kind, body, retry_s=retry_s, first=self._place
        )
        return answer


class _Replica:
    def __init__(self, node: Node, replicas: Replicas, scheme: Eventual) -> None:
        self._node, self._replicas, self._scheme, self._data = node, replicas, scheme, scheme.data
        self._others = [name for name in replicas.names if name != node.name]
        self._shelf = Shelf(node, replicas.name, self._data.empty, scheme.durable, self._changed)
        self._hints: dict[str, dict[str, None]] = {name: {} for name in self._others}

    def run(self) -> Program:
        yield from self._shelf.restore()
        if self._scheme.hint_s is not None:
            self._node.spawn(self._hand_over(self._scheme.hint_s))
        if self._scheme.gossip_s is not None and self._others:
            self._node.spawn(self._gossip(self._scheme.gossip_s))
        handlers = {"read": self._read, "update": self._update, "merge": self._merge, "compare": self._compare}
        yield from serve(self._node, self._replicas, **handlers)

    def _changed(self, key: str, before: Any, after: Any) -> None:
        known = frozenset(self._data.operations_in(before))
        for number in self._data.operations_in(after):
            if number not in known:
                self._replicas.applied(number, self._node.name)

    def _read(self, message: Message) -> None:
        self._node.reply(message, self._shelf.get(message.body))

    def _update(self, message: Message) -> None:
        key, f, body = message.body
        self._shelf.take(key, lambda state: self._data.update(state, f, body), partial(self._answer, message, key))

    def _answer(self, message: Message, key: str) -> None:
        self._node.reply(message)
        if self._scheme.tells:
            self._tell(self._others, key)

    def _tell(self, others: Sequence[str], key: str) -> None:
        """Tell others what is under a key, and keep a hint for each that does not say that it has heard."""
        body = (((key, self._shelf.get(key)),), ())
        answers = Answers(self._node, others, self._replicas.kind("merge"), body, timeout_s=self._replicas.retry_s)
        if self._scheme.hint_s is not None:
            self._node.spawn(self._keep_hints(answers, key))

    def _keep_hints(self, answers: Answers, key: str) -> Program:
        yield answers.all()
        for name in answers.failed:
            self._hints[name][key] = None

    def _hand_over(self, hint_s: float) -> Program:
        while not self._replicas.over.triggered:
            yield self._node.timer(hint_s)
            for name, hints in self._hints.items():
                for key in list(hints):
                    del hints[key]
                    self._tell([name], key)

    def _merge(self, message: Message) -> None:
        """Take in states, and answer, when the last of them counts, with those of the keys that are asked for."""
        states, asked = message.body
        left = len(states)

        def taken() -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                self._node.reply(message, tuple((key, self._shelf.get(key)) for key in asked))

        for key, state in states:
            self._shelf.take(key, partial(self._data.merge, state), taken)
        if not states:
            taken()

    def _compare(self, message: Message) -> None:
        """Say which nodes of the tree differ, and what keys there are in those that are buckets."""
        tree = MerkleTree(self._shelf.held)
        differing = tree.differing(dict(message.body))
        self._node.reply(message, (tuple(differing), tuple(tree.keys(filter(is_leaf, differing)))))

    def _gossip(self, gossip_s: float) -> Program:
        generator = stream(self._replicas.seed, "replication", self._replicas.name, "gossip", self._node.name)
        yield self._node.timer(gossip_s * generator.random())  # not all at once
        while not self._replicas.over.triggered:
            yield from self._reconcile(self._others[int(generator.integers(len(self._others)))])
            yield self._node.timer(gossip_s)

    def _reconcile(self, other: str) -> Program:
        """Go down the tree where it differs from that of another copy; exchange what is in the buckets there."""
        tree, nodes = MerkleTree(self._shelf.held), [ROOT]
        while nodes:
            answer = yield from self._ask(other, "compare", tuple((node, tree.hash(node)) for node in nodes))
            if answer is None:
                return
            differing, theirs = answer
            if any(map(is_leaf, differing)):
                mine = tree.keys(differing)
                keys = tuple(dict.fromkeys((*mine, *theirs)))
                states = tuple((key, self._shelf.get(key)) for key in mine)
                for key, state in (yield from self._ask(other, "merge", (states, keys))) or ():
                    self._shelf.take(key, partial(self._data.merge, state))
                return
            nodes = [child for node in differing for child in children(node)]

    def _ask(self, other: str, word: str, body: Any) -> Program:
        """The answer of another copy, ``None`` when there is none."""
        answers = Answers(self._node, [other], self._replicas.kind(word), body, timeout_s=self._replicas.retry_s)
        yield answers.all()
        return answers.bodies.get(other)
