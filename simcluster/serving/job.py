"""The service job: exact nearest-neighbour queries on replicated shards, under Poisson arrivals."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.cluster import UNANSWERED, Cluster, Node
from simcluster.engine import Event, NodeName, NodeNames, Positive, Spec, stream
from simcluster.learning import DatasetName, Neighbours, NeighbourShard, Partition, load, merge, partition
from simcluster.serving.balancers import Balancer, BalancerName, balancer

_ROUND_S = 1.0  # between two rounds of the replicas where no time-out says


@dataclass(frozen=True, eq=False)
class Served:
    """What a service gave: the answer to each query, by its number."""

    answers: dict[int, Neighbours]


class NearestNeighbourService(Spec):
    """A front end that sends each query to one replica of every shard and merges what they find.

    The last ``query_share`` of the rows are what is asked, again and again; the others are what is searched, in
    ``shards``. ``servers`` hold them: the first ``replicas`` of them hold the first shard, and so on. ``queries``
    arrive at ``arrivals_per_s`` whether or not earlier ones are answered (an open loop). A replica that does not
    answer within ``timeout_s``, or cannot be reached, is passed over for another; searching twice does no harm. When
    none is left, all are tried again, after ``timeout_s`` (``None``: 1 s) if one of them refused.
    """

    kind: Literal["nearest_neighbours"] = "nearest_neighbours"
    dataset: DatasetName = "digits"
    partition: Partition = "random"
    query_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    neighbours: Annotated[int, Field(ge=1)] = 5
    front_end: NodeName
    servers: NodeNames
    shards: Annotated[int, Field(ge=1)] = 1
    balancer: BalancerName = "power_of_two_choices"
    arrivals_per_s: Positive
    queries: Annotated[int, Field(ge=1)]
    timeout_s: Positive | None = None

    @model_validator(mode="after")
    def _servers_fit_shards(self) -> NearestNeighbourService:
        if len(set(self.servers)) < len(self.servers):
            raise ValueError(f"servers must differ, got {list(self.servers)}")
        if self.front_end in self.servers:
            raise ValueError(f"front_end must be none of the servers, got {self.front_end!r}")
        if len(self.servers) % self.shards:
            raise ValueError(f"servers must be a multiple of the {self.shards} shards, got {len(self.servers)}")
        return self

    @property
    def replicas(self) -> int:
        """How many servers hold each shard."""
        return len(self.servers) // self.shards

    def prepare(self, seed: int) -> tuple[list[NeighbourShard], np.ndarray]:
        """The shards, and the rows that are asked, (m, d). ``seed`` decides which rows lie in which shard."""
        dataset = load(self.dataset)
        asked = max(1, round(len(dataset.labels) * self.query_share))
        known = dataset.rows(np.arange(len(dataset.labels) - asked))
        parts = partition(self.partition, known.labels, self.shards, seed)
        shards = [NeighbourShard(known.features, np.sort(rows)) for rows in parts]
        return shards, dataset.features[-asked:]

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the servers and the front end; the event's value is ``Served``."""
        shards, asked = self.prepare(seed)
        for place, name in enumerate(self.servers):
            cluster[name].boot(partial(search, shard=shards[place // self.replicas]))
        done, answers = cluster.env.event(), dict[int, Neighbours]()

        def answered(query: int, answer: Neighbours) -> None:
            answers[query] = answer
            if len(answers) == self.queries and not done.triggered:
                done.succeed(Served(answers))

        cluster[self.front_end].boot(partial(ask_all, job=self, asked=asked, seed=seed, answered=answered))
        return done


def search(node: Node, *, shard: NeighbourShard) -> Generator[Event, Any, None]:
    """A server: every query is a computation of its own, so they queue for the cores in order of arrival."""
    while True:
        node.spawn(_search_one(node, shard, (yield node.receive("search"))))


def _search_one(node: Node, shard: NeighbourShard, message: Any) -> Generator[Event, Any, None]:
    point, neighbours = message.body
    node.reply(message, (yield node.compute(shard.search(point, neighbours))))


def ask_all(
    node: Node,
    *,
    job: NearestNeighbourService,
    asked: np.ndarray,
    seed: int,
    answered: Callable[[int, Neighbours], None],
) -> Generator[Event, Any, None]:
    """The front end: queries arrive by a Poisson process, each is handled by itself."""
    gaps, rows = stream(seed, "serving", "arrivals"), stream(seed, "serving", "queries")
    # A front end that restarts begins with query 0 again: nobody else remembers which it had answered.
    front = _FrontEnd(node, job, balancer(job.balancer, stream(seed, "serving", "balancer")), answered)
    for query in range(job.queries):
        yield node.timer(gaps.exponential(1 / job.arrivals_per_s))
        node.spawn(front.handle(query, asked[int(rows.integers(len(asked)))]))


class _FrontEnd:
    """What the front end remembers: the requests that are outstanding at each server."""

    def __init__(
        self,
        node: Node,
        job: NearestNeighbourService,
        choose: Balancer,
        answered: Callable[[int, Neighbours], None],
    ) -> None:
        self._node = node
        self._job = job
        self._choose = choose
        self._answered = answered
        self._outstanding = dict.fromkeys(job.servers, 0)
        self._record = node.cluster.trace.recorder("query", "query", "arrival_s", "sojourn_s", "attempts")

    def handle(self, query: int, point: np.ndarray) -> Generator[Event, Any, None]:
        """Ask one replica of every shard, merge, and answer."""
        node, job = self._node, self._job
        arrival_s = node.env.now
        asks = [node.spawn(self._ask(shard, point)) for shard in range(job.shards)]
        parts, attempts = [], 0
        for ask in asks:
            part, tried = yield ask
            parts.append(part)
            attempts += tried
        self._record(query, arrival_s, node.env.now - arrival_s, attempts)
        self._answered(query, merge(parts, job.neighbours))

    def _ask(self, shard: int, point: np.ndarray) -> Generator[Event, Any, tuple[Neighbours, int]]:
        job = self._job
        replicas = job.servers[shard * job.replicas : (shard + 1) * job.replicas]
        untried, attempts, refused = list(replicas), 0, False
        while True:
            replica = self._choose(untried, self._outstanding)
            attempts += 1
            self._outstanding[replica] += 1
            try:
                body = (point, job.neighbours)
                reply = yield self._node.request(replica, "search", body, timeout_s=job.timeout_s)
            except UNANSWERED as failure:
                refused = refused or failure.definite
                untried.remove(replica)
            else:
                return Neighbours(*reply.body), attempts
            finally:
                self._outstanding[replica] -= 1
            if not untried:
                if refused:  # which took no time, so the next round must not come at the same moment
                    yield self._node.timer(job.timeout_s or _ROUND_S)
                untried, refused = list(replicas), False
