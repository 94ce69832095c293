"""Partial quorums: a write is done when W of N copies have it, a read when R have answered (Gifford 1979; Dynamo)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from simcluster.cluster import UNANSWERED, Node
from simcluster.engine import Count, Period, Program, Spec, stream
from simcluster.replication.answers import Answers
from simcluster.replication.clocks import CLOCKS, ClockKind
from simcluster.replication.protocols import Operation, Replicas, Session
from simcluster.replication.serve import serve
from simcluster.replication.stamped import NEVER, Copy, Stamped, latest


class Quorum(Spec):
    """Each key lies on N nodes; a client writes to W of them and reads from R, and the latest stamp wins.

    With R + W > N each read asks a node that has each write that was done before (a strict quorum), and with Lamport's
    clock, for which a write asks R nodes first, it never returns an older value; two reads during a write may
    still see it come and go. With less, staleness has the probabilities of Bailis et al. (2012).

    A ``sloppy`` quorum takes, for a node that does not answer, the next one that holds no copy of the key: it keeps the
    value with a hint, and hands it over when the right one is back (Dynamo, section 4.6). So a write done is found
    only where it happens to be.
    """

    kind: Literal["quorum"] = "quorum"
    copies: Count | None = None
    """N, on how many nodes each key lies (``None``: on all)."""
    reads: Count | None = None
    """R, how many answers a read waits for (``None``: a majority of the copies)."""
    writes: Count | None = None
    """W, how many a write waits for (``None``: a majority of the copies)."""
    asks: Literal["all", "quorum"] = "all"
    """Whether a client asks all N and waits for the first, or only as many as it needs, drawn at random."""
    sloppy: bool = False
    """Whether others stand in for nodes that do not answer."""
    hint_s: Period = 1.0
    """How often one that stood in tries to hand over what it has taken."""
    read_repair: bool = True
    """Whether a read, when all have answered, writes the latest value to those that had an earlier one."""
    clock: ClockKind = "lamport"
    """Which clock of the client stamps a write."""
    durable: bool = True
    """Whether a copy writes to its disk, and flushes, before it answers."""

    @model_validator(mode="after")
    def _fits_copies(self) -> Quorum:
        for field in ("reads", "writes"):
            if self.copies is not None and (count := getattr(self, field)) is not None and count > self.copies:
                raise ValueError(f"{field} must be at most the {self.copies} copies of a key, got {count}")
        return self

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return ("read", "write")

    def refuses(self, replicas: int) -> str | None:
        """More copies, or more answers, than there are nodes."""
        for field in ("copies", "reads", "writes"):
            if (count := getattr(self, field)) is not None and count > replicas:
                return f"{field} must be at most the {replicas} replicas, got {count}"
        return None

    def start(self, replicas: Replicas) -> None:
        """Boot the copies."""
        replicas.boot(lambda node: _Copy(node, replicas, self).run())

    def session(self, replicas: Replicas, node: Node, client: int) -> Session:
        """A client asks the copies itself."""
        return _Session(replicas, node, client, self)

    def places(self, key: str, names: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """The nodes on which a key lies, and the others, in the order in which they stand in for these."""
        first = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big") % len(names)
        ring, copies = (*names[first:], *names[:first]), self.copies or len(names)
        return ring[:copies], ring[copies:]


class _Session:
    def __init__(self, replicas: Replicas, node: Node, client: int, scheme: Quorum) -> None:
        self._replicas, self._node, self._scheme = replicas, node, scheme
        self._clock = CLOCKS[scheme.clock](node)
        majority = (scheme.copies or len(replicas.names)) // 2 + 1
        self._reads, self._writes = scheme.reads or majority, scheme.writes or majority
        self._generator: np.random.Generator = stream(replicas.seed, "replication", replicas.name, "quorum", client)

    def ask(self, operation: Operation) -> Program:
        key = operation.key or ""
        if operation.f == "read":
            return (yield from self._read(key))[1]
        if self._scheme.clock == "lamport":
            yield from self._read(key)
        state = ((self._clock.tick(), operation.number), operation.value)
        yield from self._ask("write", key, state, self._writes)

    def _read(self, key: str) -> Program:
        asked = yield from self._ask("read", key, None, self._reads)
        state = latest(body for answers in asked for body in answers.bodies.values())
        if state[0]:
            self._clock.see(state[0][0])
        if self._scheme.read_repair:
            self._node.spawn(self._repair(asked[0], key))
        return state

    def _ask(self, word: str, key: str, state: Any, count: int) -> Program:
        """Ask until ``count`` have answered; all answers, those of the first attempt first."""
        replicas, asked, done = self._replicas, list[Answers](), dict[str, None]()
        homes, others = self._scheme.places(key, replicas.names)
        targets: Sequence[str] = homes
        if self._scheme.asks == "quorum":
            targets = [homes[place] for place in self._generator.permutation(len(homes))[:count]]
        kind, body = replicas.kind(word), key if word == "read" else (key, state)
        while True:
            answers = Answers(self._node, targets, kind, body, timeout_s=replicas.retry_s)
            asked.append(answers)
            enough = yield answers.at_least(count - len(done))
            if enough:
                return asked
            done |= dict.fromkeys(answers.bodies)
            if answers.refused:
                yield self._node.timer(replicas.retry_s)
            ring = (*homes, *others) if self._scheme.sloppy else homes
            targets = [name for name in ring if name not in done]

    def _repair(self, answers: Answers, key: str) -> Program:
        """When all have answered, tell those that had an earlier value."""
        yield answers.all()
        state = latest([NEVER, *answers.bodies.values()])
        stale = [name for name, body in answers.bodies.items() if body[0] < state[0]]
        Answers(self._node, stale, self._replicas.kind("write"), (key, state), timeout_s=self._replicas.retry_s)


class _Copy(Copy):
    """A copy that may hold keys of others, which it hands over."""

    def __init__(self, node: Node, replicas: Replicas, scheme: Quorum) -> None:
        super().__init__(node, replicas, scheme.durable)
        self._scheme = scheme
        self._handed: dict[tuple[str, str], Stamped] = {}  # what each node has of a key that is its own

    def run(self) -> Program:
        yield from self.shelf.restore()
        if self._scheme.sloppy:
            self.node.spawn(self._hand_over())
        yield from serve(self.node, self.replicas, read=self.read, write=self.write)

    def _hand_over(self) -> Program:
        while not self.replicas.over.triggered:
            yield self.node.timer(self._scheme.hint_s)
            for key, state in list(self.shelf.held.items()):
                homes, _ = self._scheme.places(key, self.replicas.names)
                for home in homes if self.node.name not in homes else ():
                    if self._handed.get((key, home)) != state:
                        self.node.spawn(self._hand(home, key, state))

    def _hand(self, home: str, key: str, state: Stamped) -> Program:
        kind, retry_s = self.replicas.kind("write"), self.replicas.retry_s
        try:
            yield self.node.request(home, kind, (key, state), timeout_s=retry_s)
        except UNANSWERED:
            return  # the next round tries again
        self._handed[key, home] = state
