"""The clients of a replicated store: each asks one operation after another and records what it asks and is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from simcluster.cluster import Cluster, Failure, Node
from simcluster.engine import Event, Program, fire, stream
from simcluster.replication.protocols import Asked, Operation, Session, Workload
from simcluster.replication.within import within

CHANGES_NOTHING = ("read",)
"""Operations that leave everything as it is: one whose answer is not known may be taken for one that never was."""


class Asks(Protocol):
    """What a job says of its clients."""

    @property
    def clients(self) -> Sequence[str]:
        """Their nodes."""
        ...

    @property
    def workload(self) -> Workload:
        """What they ask."""
        ...

    @property
    def timeout_s(self) -> float:
        """How long they wait for an operation."""
        ...

    @property
    def settle_s(self) -> float | None:
        """How long after the last operation they read all keys, if they do."""
        ...

    @property
    def name(self) -> str:
        """What their draws are called by."""
        ...

    def touched(self, asked: Asked) -> Iterable[str]:
        """The keys that an operation is about."""
        ...

    def closing(self, keys: Iterable[str]) -> tuple[Asked, ...]:
        """What each client asks in the end, to read all keys."""
        ...


@dataclass(eq=False)
class _Client:
    """What the world knows of a client, and no crash takes away."""

    asks: Generator[Asked, Any, None]
    due: Asked | None = None
    given: Any = None
    begun_s: float = 0.0
    phases: int = 0  # how many it has done: what it is to ask, and the reads at the end
    to_read: tuple[Asked, ...] = ()


class Clients:
    """All clients of a store. An operation that a crash of its client ends is open for ever, as in Jepsen."""

    def __init__(
        self, cluster: Cluster, job: Asks, seed: int, over: Event, session: Callable[[Node, int], Session]
    ) -> None:
        self._cluster = cluster
        self._job = job
        self._over = over
        self._session = session
        self.counts: Counter[str] = Counter()
        self._processes = 0
        self._operations = 0
        self._keys: dict[str, None] = {}
        self._phase = 0
        self._done = Event(cluster.env)  # all clients have done the phase
        self._settled = Event(cluster.env)
        record = cluster.trace.recorder
        self._record_invoke = record("invoke", "process", "operation", "f", "key", "value", "store")
        self._record_complete = record("complete", "operation", "status", "result", "store")
        self._clients = []
        for number in range(len(job.clients)):
            generator = stream(seed, "replication", job.name, "client", number)
            self._clients.append(_Client(job.workload.client(number, len(job.clients), generator)))
        cluster.env.process(self._course())

    def _course(self) -> Program:
        """The world's: when all clients are done, wait, let them read all keys, and end the job."""
        yield self._done
        if self._job.settle_s is not None:
            yield self._cluster.env.timeout(self._job.settle_s)
            self._phase, self._done = 1, Event(self._cluster.env)
            for client in self._clients:
                client.to_read = self._job.closing(self._keys)
            fire(self._settled)
            yield self._done
        fire(self._over, dict(self.counts))

    def run(self, node: Node, *, number: int) -> Program:
        """A client: it begins anew, as another process, when it does not know what became of an operation."""
        client = self._clients[number]
        while True:
            process, self._processes = self._processes, self._processes + 1
            session = self._session(node, number)
            known = True
            while known and (asked := _due(client)) is not None:
                gap_s = asked.gap_s - (node.env.now - client.begun_s if asked.after == "beginning" else 0.0)
                if gap_s > 0:
                    yield node.timer(gap_s)
                client.due, client.given, client.begun_s = None, None, node.env.now
                status, given = yield from self._ask(node, session, process, asked)
                known = status != "info"
                client.given = True if status == "ok" and given is None and asked.f != "read" else given
            if known:
                break
        self._finish(client, 0)
        if self._job.settle_s is not None:
            yield self._settled
            while client.to_read:
                yield from self._ask(node, session, process, client.to_read[0])
                client.to_read = client.to_read[1:]
            self._finish(client, 1)

    def _finish(self, client: _Client, phase: int) -> None:
        client.phases = max(client.phases, phase + 1)
        over = phase == self._phase and all(each.phases > phase for each in self._clients)
        if over and not self._done.triggered:
            fire(self._done)

    def _ask(
        self, node: Node, session: Session, process: int, asked: Asked
    ) -> Generator[Event, Any, tuple[str, Any]]:
        """Ask, and record it; its status, and what it gave."""
        operation = Operation(self._operations, asked.f, asked.key, asked.value)
        self._operations += 1
        self._keys |= dict.fromkeys(self._job.touched(asked))
        self._record_invoke(process, operation.number, asked.f, asked.key, asked.value, self._job.name)
        status, given = "ok", None
        try:
            given = yield from within(self._job.timeout_s, node, session.ask(operation))
        except Failure as failure:
            status = "fail" if failure.definite or asked.f in CHANGES_NOTHING else "info"
        self._record_complete(operation.number, status, given, self._job.name)
        self.counts[status] += 1
        return status, given


def _due(client: _Client) -> Asked | None:
    """What a client asks next, ``None`` when it is done."""
    if client.due is None:
        try:
            client.due = client.asks.send(client.given)
        except StopIteration:
            return None
    return client.due
