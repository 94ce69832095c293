"""The front end of a service, and its servers: how a query that the world asks comes to its answer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simcluster.cluster import UNANSWERED, Cluster, Message, Node
from simcluster.engine import Event, Process, Program, fire, kill, stream
from simcluster.serving.protocols import ReplicaView

if TYPE_CHECKING:
    from simcluster.serving.job import ServiceJob

_ROUND_S = 1.0  # between two rounds of the replicas where no time-out says


@dataclass(slots=True)
class Query:
    """One query of the world's."""

    number: int
    arrival_s: float
    body: Any
    answered: Event


class World:
    """Those who ask: every query is ``open`` from its arrival until it is answered or lost, whatever becomes of nodes.

    A query that comes while the front end is down, or that a crash of it takes away, is asked again when it is up
    (``when_down`` is "wait") or lost. One that finds the front end's inbox full is lost.
    """

    def __init__(
        self, cluster: Cluster, job: ServiceJob, seed: int, over: Callable[[dict[int, Any], tuple[int, ...]], object]
    ) -> None:
        self.open: dict[int, Query] = {}
        self.answers: dict[int, Any] = {}
        self.lost: list[int] = []
        self._cluster = cluster
        self._job = job
        self._over = over
        self._asked = 0
        self._bodies = stream(seed, "serving", "queries")
        self._record = cluster.trace.recorder("query", "query", "arrival_s", "sojourn_s", "attempts")
        self._record_lost = cluster.trace.recorder("query_lost", "query", "arrival_s")
        if job.when_down == "lose":
            cluster[job.front_end].on_crash(self._lose_all)
        arrivals = job.arrivals.run(cluster.env, self.ask, stream(seed, "serving", "arrivals"))
        self._process: Process = cluster.env.process(arrivals)

    def ask(self) -> Event:
        """A query comes; the event happens when it is answered, or lost."""
        env, job = self._cluster.env, self._job
        answered = Event(env)
        if self._asked == job.queries:
            return answered
        node = self._cluster.nodes.get(job.front_end)
        query = Query(self._asked, env.now, job.service.ask(self._bodies), answered)
        self._asked += 1
        self.open[query.number] = query
        if self._asked == job.queries and env.active_process is self._process:
            self._cluster.killed.append(kill(self._process))
        if node is not None and node.state != "down":
            if node.inbox_is_full:
                self.lose(query)
            else:
                ident, kind = self._cluster.network.new_id(), f"{job.name}.query"
                node.deliver(Message(ident, "", node.name, kind, query.number, 0.0))
        elif node is None or job.when_down == "lose":
            self.lose(query)
        return answered

    def answer(self, query: Query, answer: Any, attempts: int) -> None:
        """A query has been answered."""
        if self.open.pop(query.number, None) is not None:
            self._record(query.number, query.arrival_s, self._cluster.env.now - query.arrival_s, attempts)
            self.answers[query.number] = answer
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
        fire(query.answered)
        if len(self.answers) + len(self.lost) == self._job.queries:
            self._over(self.answers, tuple(self.lost))


def serve(node: Node, *, job: ServiceJob, shard: Any) -> Generator[Event, Any, None]:
    """A server: every query is a computation of its own, so they queue for the cores in order of arrival."""
    if (load := getattr(job.service, "load", None)) is not None:
        shard = yield from load(node, shard)
    while True:
        node.spawn(_answer(node, job, shard, (yield node.receive(f"{job.name}.ask"))))


def _answer(node: Node, job: ServiceJob, shard: Any, message: Message) -> Generator[Event, Any, None]:
    node.reply(message, (yield node.compute(job.service.answer(shard, message.body))))


def handle_all(node: Node, *, job: ServiceJob, world: World, seed: int, over: Event) -> Program:
    """The front end: each query is handled by itself; who is suspected is watched until the job is ``over``."""
    front = _FrontEnd(node, job, world, seed)
    if job.detector is not None:
        node.spawn(job.detector.run(node, f"{job.name}.server", job.servers, front.suspect, over))
    taken: set[int] = set()
    for query in list(world.open.values()):  # what a crash has taken away, or what came before
        taken.add(query.number)
        node.spawn(front.handle(query))
    while True:
        number = (yield node.receive(f"{job.name}.query")).body
        if number not in taken and number in world.open:
            taken.add(number)
            node.spawn(front.handle(world.open[number]))


class _FrontEnd:
    """What the front end remembers of each server."""

    def __init__(self, node: Node, job: ServiceJob, world: World, seed: int) -> None:
        self._node = node
        self._job = job
        self._world = world
        self._generator = stream(seed, "serving", "balancer")
        self._balancer = deepcopy(job.balancer)
        specs = {machine.name: machine for machine in node.cluster.spec.machines}
        self._record_suspect = node.cluster.trace.recorder("suspect", "node", "suspected")
        self._views = {name: ReplicaView(name, specs[name].zone) for name in job.servers}

    def suspect(self, server: str, suspected: bool) -> None:
        """A server is suspected of being gone, or no longer."""
        self._views[server].suspected = suspected
        self._record_suspect(server, suspected)

    def handle(self, query: Query) -> Generator[Event, Any, None]:
        """Ask one replica of every shard, merge, and answer."""
        job = self._job
        asks = [self._node.spawn(self._ask(shard, query.body)) for shard in range(job.shards)]
        parts, attempts = [], 0
        for ask in asks:
            part, tried = yield ask
            parts.append(part)
            attempts += tried
        self._world.answer(query, job.service.merge(parts), attempts)

    def _ask(self, shard: int, body: Any) -> Generator[Event, Any, tuple[Any, int]]:
        job, env = self._job, self._node.env
        replicas = [self._views[name] for name in job.servers[shard * job.replicas : (shard + 1) * job.replicas]]
        untried, attempts, refused = list(replicas), 0, False
        while True:
            view = self._choose(body, [view for view in untried if not view.suspected] or untried)
            attempts += 1
            view.outstanding += 1
            begin_s = env.now
            try:
                reply = yield self._node.request(view.name, f"{job.name}.ask", body, timeout_s=job.timeout_s)
            except UNANSWERED as failure:
                refused = refused or failure.definite
                untried.remove(view)
            else:
                view.latency_s, view.heard_s = env.now - begin_s, env.now
                return reply.body, attempts
            finally:
                view.outstanding -= 1
            if not untried:
                if refused:  # which took no time, so the next round must not come at the same moment
                    yield self._node.timer(job.timeout_s or _ROUND_S)
                untried, refused = list(replicas), False

    def _choose(self, body: Any, replicas: list[ReplicaView]) -> ReplicaView:
        name = self._balancer(body, replicas, self._generator)
        for view in replicas:
            if view.name == name:
                return view
        raise ValueError(f"balancer must return one of {[view.name for view in replicas]}, got {name!r}")
