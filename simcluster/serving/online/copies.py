"""Serving copies: nodes that predict with the parameters that they fetched last from whoever learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import model_validator

from simcluster.cluster import Cluster, Message, Node
from simcluster.engine import Event, NodeNames, Period, Process, Program, Spec, check_differ, fire, kill, stream
from simcluster.recovery import ask
from simcluster.serving.arrivals import AnyArrivals
from simcluster.serving.online.course import Course


class Copies(Spec):
    """Who predicts beside the learner, and what is asked.

    A query is a row, drawn at random, of the batch that comes next: of the world as it is, and nobody has learned from
    it yet. It goes to the copies in turn, passing over those that are down; one that finds none, or a full inbox, or
    that a crash takes away, is lost. The world asks until all batches have come.
    """

    servers: NodeNames
    """The nodes that predict."""
    arrivals: AnyArrivals
    """When a query comes, whatever the cluster does."""
    refresh_s: Period = 1.0
    """How long a copy waits before it fetches the parameters again."""
    timeout_s: Period = 1.0
    """How long it waits for them, if the learner does not answer, before it asks once more."""

    @model_validator(mode="after")
    def _servers_differ(self) -> Copies:
        check_differ("servers", self.servers)
        return self

    def start(self, cluster: Cluster, course: Course) -> None:
        """Boot the copies, and let the world ask."""
        asking = Asking(self, cluster, course)
        for name in self.servers:
            cluster[name].boot(partial(predict, course=course, asking=asking), f"{course.job.name}.copy")
            cluster[name].on_crash(partial(asking.lose_of, name))


@dataclass(slots=True)
class Query:
    """A query that is open: which row is asked, of whom and since when, and whether a program has taken it."""

    row: int
    server: str
    arrival_s: float
    answered: Event
    taken: bool = False


class Asking:
    """Those who ask: each query is open until it is answered or lost."""

    def __init__(self, copies: Copies, cluster: Cluster, course: Course) -> None:
        self.copies, self.open = copies, dict[int, Query]()
        self._cluster, self._course, self._asked = cluster, course, 0
        self._rows = stream(course.seed, "online", "queries")
        self._record_lost = cluster.trace.recorder("query_lost", "query", "arrival_s")
        self._record = cluster.trace.recorder(
            "served", "query", "row", "server", "arrival_s", "measure", "total", "clock", "age_s"
        )
        arrivals = copies.arrivals.run(cluster.env, self.ask, stream(course.seed, "online", "query_arrivals"))
        self._process: Process = cluster.env.process(arrivals)

    def ask(self) -> Event:
        """A query comes; the event happens when it is answered, or lost."""
        env, course, answered = self._cluster.env, self._course, Event(self._cluster.env)
        if course.feed.position == course.count or course.done.triggered:
            if env.active_process is self._process:
                self._cluster.killed.append(kill(self._process))
            return answered
        number, size = self._asked, course.job.batch_size
        self._asked += 1
        row = course.feed.position * size + int(self._rows.integers(size))
        up = self._up(number)
        query = self.open[number] = Query(row, "" if up is None else up.name, env.now, answered)
        if up is None or up.inbox_is_full:
            self.lose(number)
        else:
            ident, kind = self._cluster.network.new_id(), f"{course.job.name}.query"
            up.deliver(Message(ident, "", query.server, kind, number, 0.0))
        return answered

    def answer(self, number: int, said: tuple[str, float], clock: int, since_s: float) -> None:
        """A query has been answered by parameters that know ``clock`` batches, and are so since ``since_s``."""
        if (query := self.open.pop(number, None)) is not None:
            age_s = self._cluster.env.now - since_s
            self._record(number, query.row, query.server, query.arrival_s, *said, clock, age_s)
            fire(query.answered)

    def lose(self, number: int) -> None:
        """A query will not be answered."""
        query = self.open.pop(number)
        self._record_lost(number, query.arrival_s)
        fire(query.answered)

    def lose_of(self, server: str, only_taken: bool = False) -> None:
        """What this server had is lost, or only what its program had taken."""
        for number, query in list(self.open.items()):
            if query.server == server and (query.taken or not only_taken):
                self.lose(number)

    def _up(self, number: int) -> Node | None:
        """The copy whose turn it is, or the first after it that is up."""
        names = self.copies.servers
        for place in range(len(names)):
            node = self._cluster.nodes.get(names[(number + place) % len(names)])
            if node is not None and node.state != "down":
                return node
        return None


def predict(node: Node, *, course: Course, asking: Asking) -> Program:
    """Answer queries with the parameters that are here: each is a computation of its own."""
    asking.lose_of(node.name, only_taken=True)  # with the program that was here before
    known: list[Any] = [0, course.initial, node.env.now]
    job = course.job

    def take(body: Any) -> None:
        known[:] = body

    copies, kind = asking.copies, f"{job.name}.parameters"
    node.spawn(fetch_always(node, job.learner, kind, copies.refresh_s, take, copies.timeout_s))
    while True:
        number = (yield node.receive(f"{job.name}.query")).body
        if number in asking.open:
            asking.open[number].taken = True
            node.spawn(_answer(node, number, course, asking, known))


def fetch_always(
    node: Node, trainer: str, kind: str, interval_s: float, take: Callable[[Any], object], timeout_s: float = 1.0
) -> Program:
    """Ask ``trainer`` for ``kind`` again and again, ``interval_s`` after each answer, and ``take`` what it replies."""
    while True:
        reply = yield from ask(node, trainer, kind, timeout_s=timeout_s)
        take(reply.body)
        yield node.timer(interval_s)


def _answer(node: Node, number: int, course: Course, asking: Asking, known: list[Any]) -> Program:
    clock, parameters, since_s = known
    said = yield node.compute(course.test(parameters, course.one(asking.open[number].row)))
    asking.answer(number, said, clock, since_s)
