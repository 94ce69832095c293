"""Those who ask a service: a query is theirs from its arrival until it is answered, whatever becomes of nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Cluster, Message
from simcluster.engine import Event, Process, awaited, fire, kill, stream

if TYPE_CHECKING:
    from simcluster.serving.front_end import FrontEnd
    from simcluster.serving.job import ServiceJob


@dataclass(frozen=True, eq=False)
class Served:
    """What a service gave: the answer to each query, by its number, and the numbers of those that have none.

    The ``lost`` found nobody who took them; of the ``failed`` each has the cause, as the trace names it: those that a
    server turned away, and those that the front end gave up.
    """

    answers: dict[int, Any]
    lost: tuple[int, ...]
    failed: dict[int, str]


@dataclass(slots=True)
class Query:
    """One query of the world's."""

    number: int
    arrival_s: float
    body: Any
    answered: Event


class World:
    """Those who ask: every query is ``open`` from its arrival until it is answered, failed or lost.

    A query that comes while the front end is down, or that a crash of it takes away, is asked again when it is up
    (``when_down`` is "wait") or lost. One that finds the front end's inbox full is lost.
    """

    def __init__(self, cluster: Cluster, job: ServiceJob, seed: int, over: Callable[[Served], object]) -> None:
        self.open: dict[int, Query] = {}
        self.front: FrontEnd | None = None  # who may be given a query without a message, while it listens
        self.answers: dict[int, Any] = {}
        self.lost: list[int] = []
        self.failed: dict[int, str] = {}
        self._cluster = cluster
        self._env = cluster.env
        self._job = job
        self._queries = job.queries
        self._front_end = job.front_end
        self._kind = f"{job.name}.query"
        self._over = over
        self._asked = self._ended = 0
        bodies, asks = stream(seed, "serving", "queries"), getattr(job.service, "asks", None)
        self._body: Callable[[], Any] = partial(job.service.ask, bodies) if asks is None else asks(bodies).__next__
        fields = "query", "arrival_s", "sojourn_s", "attempts"
        self._records = cluster.trace.sink("query", *fields)
        self._record_lost = cluster.trace.recorder("query_lost", "query", "arrival_s")
        self._record_failed = cluster.trace.recorder("query_failed", "query", "arrival_s", "attempts", "cause")
        if job.when_down == "lose":
            cluster[job.front_end].on_crash(self._lose_all)
        arrivals = job.arrivals.run(cluster.env, self.ask, stream(seed, "serving", "arrivals"))
        self._process: Process = cluster.env.process(arrivals)

    def ask(self) -> Event:
        """A query comes; the event happens when it is answered, failed or lost."""
        env = self._env
        answered = env.event()
        number = self._asked
        if number == self._queries:
            return answered
        self._asked = number + 1
        query = self.open[number] = Query(number, env.now, self._body(), answered)
        if number + 1 == self._queries and env.active_process is self._process:
            self._cluster.killed.append(kill(self._process))
        front = self.front
        if front is not None and front.node.runs and awaited(front.listens) and not front.node.inbox_is_full:
            front.take(query)
        else:
            self._deliver(query)
        return answered

    def _deliver(self, query: Query) -> None:
        node = self._cluster.nodes.get(self._front_end)
        if node is None or node.state == "down":
            if node is None or self._job.when_down == "lose":
                self.lose(query)
        elif node.inbox_is_full:
            self.lose(query)
        else:
            ident = self._cluster.network.new_id()
            node.deliver(Message(ident, "", node.name, self._kind, query.number, 0.0))

    def answer(self, query: Query, answer: Any, attempts: int) -> None:
        """A query has been answered."""
        if self.open.pop(query.number, None) is None:
            return
        if self._records is not None:
            now_s, arrival_s = self._env.now, query.arrival_s
            self._records.append((now_s, "query", query.number, arrival_s, now_s - arrival_s, attempts))
        self.answers[query.number] = answer
        self._end(query)

    def fail(self, query: Query, cause: str, attempts: int) -> None:
        """A query has been turned away, or given up."""
        if self.open.pop(query.number, None) is not None:
            self._record_failed(query.number, query.arrival_s, attempts, cause)
            self.failed[query.number] = cause
            self._end(query)

    def lose(self, query: Query) -> None:
        """A query will never be answered."""
        del self.open[query.number]
        self._record_lost(query.number, query.arrival_s)
        self.lost.append(query.number)
        self._end(query)

    def _lose_all(self) -> None:
        """A crash of the front end has taken away what it had."""
        for query in list(self.open.values()):
            self.lose(query)

    def _end(self, query: Query) -> None:
        self._ended += 1
        fire(query.answered)
        if self._ended == self._queries:
            self._over(Served(self.answers, tuple(self.lost), self.failed))
