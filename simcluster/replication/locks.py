"""Locks with leases, and the tokens that fence off who still believes to hold one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from simcluster.cluster import Cluster, Message, Node, Ran
from simcluster.engine import Count, Event, Name, NodeName, NodeNames, Period, Program, Seconds, Spec, check_apart, fire
from simcluster.recovery import ask
from simcluster.replication.journal import Journal


@dataclass(frozen=True, slots=True)
class Counted:
    """What a counter under a lock came to: its value, and the values that clients were told they had made of it."""

    value: int
    told: tuple[int, ...]

    @property
    def lost(self) -> int:
        """How many increments another one has overwritten that had read the same value."""
        return len(self.told) - len(dict.fromkeys(self.told))


class LockedCounter(Spec):
    """Clients that each count up a number on a resource: take the lock, read, think, write, give the lock back.

    The lock is leased: who does not give it back in time loses it to the next, and does not know. Each grant has a
    higher token than the last. With ``fencing`` the resource refuses what comes with a lower token than it has seen,
    so that nobody overwrites what a later holder has read; without, a pause, a slow clock or a late message is
    enough to lose an update. Sources: Gray & Cheriton, "Leases", SOSP 1989; Burrows, "The Chubby lock service",
    OSDI 2006, section 2.4; Kleppmann, "How to do distributed locking", 2016.
    """

    kind: Literal["locked_counter"] = "locked_counter"
    lock: NodeName
    """The node of the lock."""
    resource: NodeName
    """The node of the number."""
    clients: NodeNames
    """The nodes that count."""
    rounds: Count = 10
    """How often each does."""
    lease_s: Period = 0.2
    """How long the lock is granted for, by the clock of its node."""
    think_s: Seconds = 0.02
    """How long a client thinks between reading and writing."""
    fencing: bool = True
    """Whether the resource looks at tokens."""
    retry_s: Period = 0.1
    """How long an answer is awaited before the request is sent again."""
    name: Name = "counter"
    """What its programs and messages begin with."""

    records: ClassVar = ("lock", "guarded")

    @model_validator(mode="after")
    def _nodes_differ(self) -> LockedCounter:
        check_apart("lock", self.lock, "clients", self.clients)
        check_apart("resource", self.resource, "clients", self.clients)
        return self

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the lock, the resource and the clients."""
        run = _Run(cluster, self)
        cluster[self.lock].boot(run.lock, f"{self.name}.lock")
        cluster[self.resource].boot(run.resource, f"{self.name}.resource")
        for name in self.clients:
            cluster[name].boot(partial(run.client, client=name), f"{self.name}.client")
        return run.over

    def metrics(self, result: Ran) -> dict[str, float]:
        """How many increments were made, lost, and kept from being lost."""
        if not isinstance(result.outcome, Counted):
            return {}
        found = {"increments": float(len(result.outcome.told)), "increments_lost": float(result.outcome.lost)}
        if result.trace.keeps("guarded"):
            fenced = [row for row in result.trace.rows("guarded") if row["outcome"] == "fenced"]
            found["requests_fenced"] = float(len(fenced))
        return found


class _Run:
    """A run: the programs, and what the world knows of the clients whatever becomes of their nodes."""

    def __init__(self, cluster: Cluster, job: LockedCounter) -> None:
        self._job = job
        self.over = Event(cluster.env)
        self._left = dict.fromkeys(job.clients, job.rounds)
        self._told: list[int] = []
        self._value = 0
        self._record_lock = cluster.trace.recorder("lock", "client", "token")
        self._record_guarded = cluster.trace.recorder("guarded", "client", "token", "value", "outcome")

    def _kind(self, word: str) -> str:
        return f"{self._job.name}.{word}"

    def lock(self, node: Node) -> Program:
        """Grant the lock to whoever asks once it is free or its lease is over; a token is durable before it is told."""
        token, holder, until_s = 0, None, node.clock.monotonic()
        journal = Journal(node, self._kind("lock"), lambda: [token])
        if granted := (yield from journal.restore()):  # nobody knows to whom, so it is taken for granted still
            token, until_s = granted[-1], until_s + self._job.lease_s
        node.spawn(journal.run())
        while True:
            message: Message = yield node.receive(self._kind("acquire"), self._kind("release"))
            if message.kind == self._kind("release"):
                if message.body == token:
                    until_s = node.clock.monotonic()
                node.reply(message)
                continue
            now_s = node.clock.monotonic()
            if (holder, token) == (message.body, token) and now_s < until_s:
                node.reply(message, token)  # asked again, for the answer was lost
            elif now_s < until_s:
                node.reply(message, None)
            else:
                token, holder, until_s = token + 1, message.body, now_s + self._job.lease_s
                journal.append(token)
                yield from journal.durable()
                self._record_lock(holder[0], token)
                node.reply(message, token)

    def resource(self, node: Node) -> Program:
        """Read and write a number; of tokens, the highest that has been seen is as durable as the number."""
        value, highest = 0, 0
        journal = Journal(node, self._kind("resource"), lambda: [(value, highest)])
        if kept := (yield from journal.restore()):
            value, highest = kept[-1]
        node.spawn(journal.run())
        while True:
            message: Message = yield node.receive(self._kind("read"), self._kind("write"))
            token, new = message.body
            if token < highest and self._job.fencing:
                self._record_guarded(message.source, token, new, "fenced")
                node.reply(message, None)
                continue
            value, highest = value if new is None else new, max(token, highest)
            journal.append((value, highest))
            yield from journal.durable()
            self._value = value
            self._record_guarded(message.source, token, value, "read" if new is None else "written")
            node.reply(message, value)

    def client(self, node: Node, *, client: str) -> Program:
        """Count up, as often as is left to do."""
        while self._left[client]:
            told = yield from self._count(node, (client, self._left[client], node.crashes))
            if told is not None:
                self._told.append(told)
                self._left[client] -= 1
                if not any(self._left.values()):
                    fire(self.over, Counted(self._value, tuple(self._told)))

    def _count(self, node: Node, who: Any) -> Generator[Event, Any, int | None]:
        job = self._job
        while (token := (yield from self._ask(node, job.lock, "acquire", who))) is None:
            yield node.timer(job.retry_s)
        value = yield from self._ask(node, job.resource, "read", (token, None))
        if value is not None:
            yield node.timer(job.think_s)
            value = yield from self._ask(node, job.resource, "write", (token, value + 1))
        yield from self._ask(node, job.lock, "release", token)
        return value  # type: ignore[no-any-return]

    def _ask(self, node: Node, target: str, word: str, body: Any) -> Generator[Event, Any, Any]:
        reply = yield from ask(node, target, self._kind(word), body, timeout_s=self._job.retry_s)
        return reply.body
