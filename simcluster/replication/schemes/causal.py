"""Causal consistency: no copy shows an effect before its causes (Ahamad et al. 1995; COPS, Lloyd et al. 2011)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from simcluster.cluster import Message, Node
from simcluster.engine import Period, Program, Spec, stream
from simcluster.replication.answers import Answers
from simcluster.replication.clocks import LamportClock
from simcluster.replication.protocols import Operation, Replicas, Session
from simcluster.replication.serve import ask_in_turn, serve
from simcluster.replication.shelf import Shelf

Vector = tuple[tuple[str, int], ...]
"""A version vector: of each copy, how many of the updates that began there."""


class Update(NamedTuple):
    """One write: where it began and as which, what it depends on, and a stamp that decides between concurrent ones."""

    origin: str
    number: int
    after: Vector
    key: str
    stamp: tuple[float, int]
    value: Any


class Causal(Spec):
    """Each copy applies an update when it has applied all that the update depends on, and answers at once.

    A session carries a version vector of what it has read and written. A copy that has not seen as much lets it wait,
    and after ``retry_s`` the session asks another. So it has Terry et al.'s (1994) four guarantees, whichever copy it
    comes to, and with the dependency check all clients see causes before effects; each can be switched off by itself.
    Concurrent writes are decided by Lamport's clock, so copies converge (causal+). Copies tell each other updates at
    once, and ask one another for what they have missed.
    """

    kind: Literal["causal"] = "causal"
    sticky: bool = True
    """Whether a session stays with a copy as long as that answers; else each operation goes to one drawn at random."""
    read_your_writes: bool = True
    """Whether a read waits for what its session has written."""
    monotonic_reads: bool = True
    """Whether a read waits for what its session has seen."""
    monotonic_writes: bool = True
    """Whether a write waits for, and depends on, what its session has written."""
    writes_follow_reads: bool = True
    """Whether a write waits for, and depends on, what its session has seen."""
    dependency_check: bool = True
    """Whether a copy holds back an update until all that it depends on is there."""
    gossip_s: Period = 0.1
    """How often a copy asks another for what it has missed."""
    durable: bool = True
    """Whether a copy writes to its disk, and flushes, before it answers."""

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return ("read", "write")

    def refuses(self, replicas: int) -> str | None:
        """Nothing: any number will do."""
        return None

    def start(self, replicas: Replicas) -> None:
        """Boot the copies."""
        replicas.boot(lambda node: _Replica(node, replicas, self).run())

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """A way to one copy at a time; clients begin at different ones."""
        return _Session(replicas, node, client, self)


class _Session:
    def __init__(self, replicas: Replicas, node: Node, client: int, scheme: Causal) -> None:
        self._replicas, self._node, self._scheme = replicas, node, scheme
        self._place = client % len(replicas.names)
        self._generator = stream(replicas.seed, "replication", replicas.name, "causal", client)
        self._clock = LamportClock(node)
        self._knows_time = False
        self._read: Vector = ()
        self._written: Vector = ()

    def ask(self, operation: Operation) -> Program:
        scheme, key = self._scheme, operation.key or ""
        if operation.f == "read":
            need = _union(
                self._written if scheme.read_your_writes else (), self._read if scheme.monotonic_reads else ()
            )
            value, after = yield from self._ask("read", (key, need))
            self._read = _union(self._read, after)
            return value
        if not self._knows_time:
            yield from self._ask("read", (key, ()))
        need = _union(
            self._written if scheme.monotonic_writes else (), self._read if scheme.writes_follow_reads else ()
        )
        stamp = (self._clock.tick()[0], operation.number)
        _, after = yield from self._ask("write", (key, need, stamp, operation.value))
        self._written = _union(self._written, after)

    def _ask(self, word: str, body: Any) -> Program:
        names = self._replicas.names
        if not self._scheme.sticky:
            self._place = int(self._generator.integers(len(names)))
        kind, retry_s = self._replicas.kind(word), self._replicas.retry_s
        self._place, answer = yield from ask_in_turn(
            self._node, names, kind, body, retry_s=retry_s, first=self._place
        )
        value, after, time = answer
        self._clock.see((time, 0))
        self._knows_time = True
        return value, after


class _Replica:
    def __init__(self, node: Node, replicas: Replicas, scheme: Causal) -> None:
        self._node, self._replicas, self._scheme = node, replicas, scheme
        self._others = [name for name in replicas.names if name != node.name]
        self._shelf = Shelf(node, replicas.name, None, scheme.durable, lambda *_: None)  # updates, by their names
        self._applied = dict.fromkeys(replicas.names, 0)
        self._latest: dict[str, Update] = {}  # of each key
        self._time = 0.0
        self._begun = 0  # how many updates have begun here
        self._mine: dict[int, Update] = {}  # those of them, by operation
        self._waiting: list[tuple[Vector, Callable[[], object]]] = []

    def run(self) -> Program:
        yield from self._shelf.restore()
        for update in [Update(*each) for each in self._shelf.held.values()]:
            self._time = max(self._time, update.stamp[0])
            if update.origin == self._node.name:
                self._begun = max(self._begun, update.number)
                self._mine[update.stamp[1]] = update
        self._settle()
        if self._others:
            self._node.spawn(self._gossip())
        handlers = {"read": self._read, "write": self._write, "updates": self._updates, "missed": self._missed}
        yield from serve(self._node, self._replicas, **handlers)

    def _read(self, message: Message) -> None:
        key, need = message.body
        self._when(need, partial(self._show, message, key))

    def _show(self, message: Message, key: str) -> None:
        update = self._latest.get(key)
        value, after = (None, ()) if update is None else (update.value, update.after)
        self._node.reply(message, (value, after, self._time))

    def _write(self, message: Message) -> None:
        self._when(message.body[1], partial(self._begin, message))

    def _begin(self, message: Message) -> None:
        """An update begins here, unless it has before; it is answered when it is applied."""
        key, need, stamp, value = message.body
        update = self._mine.get(stamp[1])
        if update is None:
            self._begun += 1
            after = _union(need, ((self._node.name, self._begun),))
            update = self._mine[stamp[1]] = Update(self._node.name, self._begun, after, key, stamp, value)
        self._take(update)
        self._when(update.after, partial(self._node.reply, message, (None, update.after, update.stamp[0])))

    def _take(self, update: Update) -> None:
        self._shelf.take(_name(update.origin, update.number), lambda _: tuple(update), self._settle)

    def _settle(self) -> None:
        """Apply what can be applied, and let those go on that have waited for it."""
        progress = True
        while progress:
            progress = False
            for origin in self._replicas.names:
                found = self._shelf.held.get(_name(origin, self._applied[origin] + 1))
                if found is not None and self._may_apply(update := Update(*found)):
                    self._apply(update)
                    progress = True
        waiting, self._waiting = self._waiting, []
        for need, then in waiting:
            self._when(need, then)

    def _may_apply(self, update: Update) -> bool:
        others = [(name, count) for name, count in update.after if name != update.origin]
        return not self._scheme.dependency_check or self._has(others)

    def _apply(self, update: Update) -> None:
        self._applied[update.origin] = update.number
        self._time = max(self._time, update.stamp[0])
        known = self._latest.get(update.key)
        if known is None or update.stamp > known.stamp:
            self._latest[update.key] = update
        self._replicas.applied(update.stamp[1], self._node.name)
        if update.origin == self._node.name:
            for name in self._others:
                self._node.send(name, self._replicas.kind("updates"), (tuple(update),))

    def _has(self, need: Iterable[tuple[str, int]]) -> bool:
        return all(self._applied[name] >= count for name, count in need)

    def _when(self, need: Vector, then: Callable[[], object]) -> None:
        """Call ``then`` when all that is needed has been applied here, perhaps now."""
        if self._has(need):
            then()
        else:
            self._waiting.append((need, then))

    def _updates(self, message: Message) -> None:
        for each in message.body:
            update = Update(*each)
            if update.number > self._applied[update.origin]:
                self._take(update)

    def _missed(self, message: Message) -> None:
        """Answer with what is here beyond what another has applied, as far as it follows on that."""
        missed: list[Any] = []
        for origin, count in message.body:
            while (found := self._shelf.held.get(_name(origin, count + 1))) is not None and len(missed) < _AT_ONCE:
                missed.append(found)
                count += 1
        self._node.reply(message, tuple(missed))

    def _gossip(self) -> Program:
        scheme, replicas, node = self._scheme, self._replicas, self._node
        generator = stream(replicas.seed, "replication", replicas.name, "gossip", node.name)
        yield node.timer(scheme.gossip_s * generator.random())  # not all at once
        while not replicas.over.triggered:
            for update in [each for each in self._mine.values() if each.number > self._applied[node.name]]:
                self._take(update)  # which the disk may have refused
            other = self._others[int(generator.integers(len(self._others)))]
            body = tuple(self._applied.items())
            answers = Answers(node, [other], replicas.kind("missed"), body, timeout_s=replicas.retry_s)
            yield answers.all()
            for each in answers.bodies.get(other, ()):
                self._take(Update(*each))
            yield node.timer(scheme.gossip_s)


_AT_ONCE = 100


def _name(origin: str, number: int) -> str:
    return f"{origin}/{number}"


def _union(one: Vector, other: Vector) -> Vector:
    """The least vector that covers both."""
    if not one or not other:
        return one or other
    most: Mapping[str, int] = {name: max(count, dict(one).get(name, 0)) for name, count in other}
    return tuple(sorted((dict(one) | dict(most)).items()))
