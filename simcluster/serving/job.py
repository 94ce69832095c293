"""The service job: queries that the world asks, answered by replicated shards behind a front end."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import model_validator

from simcluster.cluster import Cluster, ClusterSpec, Ran
from simcluster.engine import Count, Event, Name, NodeName, NodeNames, Open, Period, Positive, Spec, check_apart
from simcluster.learning import MissingFile
from simcluster.recovery import AnyDetector
from simcluster.serving.arrivals import AnyArrivals
from simcluster.serving.autoscalers import AnyAutoscaler
from simcluster.serving.balancers import AnyBalancer, power_of_two_choices
from simcluster.serving.caches import AnyCache
from simcluster.serving.call_policies import once
from simcluster.serving.front_end import handle_all
from simcluster.serving.pool import Pool
from simcluster.serving.protocols import CallPolicy, QueueDiscipline
from simcluster.serving.queues import QueueLimit
from simcluster.serving.resilience import (
    Bulkhead,
    CircuitBreaker,
    Deadline,
    Guard,
    Hedge,
    Retry,
    ServerQueue,
    Tied,
)
from simcluster.serving.server import serve
from simcluster.serving.services import AnyService, NearestNeighbours
from simcluster.serving.world import Served, World

AnyCallPolicy = Annotated[CallPolicy, Open(CallPolicy, Retry, Hedge, Tied, Deadline, once=once)]
"""A policy of calls that is here, or one's own; in a file ``kind`` says which."""
AnyGuard = Annotated[Guard, Open(Guard, CircuitBreaker, Bulkhead)]
"""A guard of servers that is here, or one's own; in a file ``kind`` says which."""
AnyQueue = Annotated[QueueDiscipline, Open(QueueDiscipline, QueueLimit, ServerQueue)]
"""A queue of servers that is here, or one's own; in a file ``kind`` says which."""


class ServiceJob(Spec):
    """A front end that sends each query to one replica of every shard and merges what they answer.

    A replica that does not answer within ``timeout_s``, or cannot be reached, is passed over for another; to ask twice
    does no harm. When none is left, all are tried again, after ``timeout_s`` (``None``: 1 s) if one of them refused.
    With ``resilience`` it is these policies that say who is asked again; a query that they give up has failed, as one
    has without them that a server's ``queue`` turns away. The job is over when all queries are answered, failed or
    lost; the event's value is ``Served``.
    """

    kind: Literal["service"] = "service"
    service: AnyService = NearestNeighbours()
    """What is asked, and how it is answered."""
    arrivals: AnyArrivals
    """When queries come, whatever the cluster does."""
    queries: Count
    """How many come."""
    balancer: AnyBalancer = power_of_two_choices
    """Which replica gets a request."""
    front_end: NodeName
    """The node that is asked."""
    servers: NodeNames
    """The nodes that hold the shards: the first ``replicas`` of them the first shard, and so on."""
    shards: Count = 1
    """In how many parts the data lies."""
    timeout_s: Period | None = None
    """How long a replica has to answer (``None``: for ever)."""
    detector: AnyDetector | None = None
    """Who is suspected of being gone, and is asked only when all replicas of a shard are (``None``: nobody)."""
    resilience: tuple[AnyCallPolicy, ...] = ()
    """What stands around the call of each shard, the outermost first (none: replicas are asked until one answers)."""
    guards: tuple[AnyGuard, ...] = ()
    """Who says whether a replica may be asked, which all must; with any, who is not answered is not asked again."""
    queue: AnyQueue | None = None
    """Who waits at a server, and who is turned away (``None``: everybody waits, in order of arrival)."""
    concurrency: Count | None = None
    """How many requests a server with a ``queue`` computes at once (``None``: as many as it has cores)."""
    cache: AnyCache | None = None
    """Where answers are kept for whoever asks for the same (``None``: nowhere)."""
    cache_at: Literal["servers", "front_end"] = "servers"
    """Whether each server has a cache, or the front end one."""
    autoscaler: AnyAutoscaler | None = None
    """Who says how many of the servers run (``None``: all do)."""
    deadline_s: Positive | None = None
    """How late an answer may be to count as goodput (``None``: however late); nothing else depends on it."""
    when_down: Literal["wait", "lose"] = "wait"
    """What becomes of a query that comes while the front end is down, or that a crash of it takes away."""
    name: Name = "service"
    """What its programs and messages begin with."""

    records: ClassVar = (
        "query", "query_lost", "query_failed", "attempt", "attempt_end", "guard", "shed", "server", "cache",
    )  # fmt: skip

    @model_validator(mode="after")
    def _servers_fit_shards(self) -> ServiceJob:
        check_apart("front_end", self.front_end, "servers", self.servers)
        if len(self.servers) % self.shards:
            raise ValueError(f"servers must be a multiple of the {self.shards} shards, got {len(self.servers)}")
        with suppress(MissingFile):  # it may be there where this is run
            if (most := getattr(self.arrivals, "most", None)) is not None and self.queries > most:
                raise ValueError(f"queries must be at most the {most} times at which one comes, got {self.queries}")
        return self

    @model_validator(mode="after")
    def _resilience_fits(self) -> ServiceJob:
        for place, policy in enumerate(self.resilience):
            refuses = getattr(policy, "refuses", None)
            if refuses is not None and (why := refuses(self.resilience[place + 1 :], self.replicas)):
                raise ValueError(f"resilience: {why}")
        if self.carries and self.queue is None:
            raise ValueError("queue must be there where requests carry a deadline or are tied, got None")
        if not self.idempotent and (why := self._repeats()):
            raise ValueError(f"a service that is not idempotent must be asked once, got {why}")
        return self

    def _repeats(self) -> str | None:
        """What here does twice what may have been done."""
        if any(getattr(policy, "twice", False) for policy in self.resilience):
            return "a policy that sends two copies"
        if not self.resilience and self.timeout_s is not None:
            return f"timeout_s {self.timeout_s} without resilience, so that others are asked after it"
        waits = self.when_down == "wait"
        return "when_down 'wait', so that a crash of the front end repeats queries" if waits else None

    @property
    def carries(self) -> bool:
        """Whether requests tell servers more than what is asked."""
        return any(getattr(policy, "carries", False) for policy in self.resilience)

    @property
    def idempotent(self) -> bool:
        """Whether it does no harm that the service does the same twice, as a built-in one, which only reads."""
        return bool(getattr(self.service, "idempotent", True))

    @property
    def replicas(self) -> int:
        """How many servers hold each shard."""
        return len(self.servers) // self.shards

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where service and shards do not fit, by those of seed 0."""
        _ = self._fits

    @cached_property
    def _fits(self) -> bool:
        with suppress(MissingFile):  # it may be there where this is run
            held = self.service.shards(self.shards, 0)
            if len(held) != self.shards:
                raise ValueError(f"service must hold the {self.shards} shards that it is asked for, got {len(held)}")
        return True

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the servers and the front end, and let the world ask."""
        shards = self.service.shards(self.shards, seed)
        for place, name in enumerate(self.servers):
            cluster[name].boot(partial(serve, job=self, shard=shards[place // self.replicas]), f"{self.name}.server")
        done = cluster.env.event()
        pool = Pool(cluster, self)
        world = World(cluster, self, seed, done.succeed)
        front_end = partial(handle_all, job=self, world=world, pool=pool, seed=seed, over=done)
        cluster[self.front_end].boot(front_end, f"{self.name}.front_end")
        if self.detector is not None:
            self.detector.start(cluster, f"{self.name}.server", self.front_end, self.servers, done)
        return done

    def metrics(self, result: Ran) -> dict[str, float]:
        """Queries answered, failed and lost, goodput, sojourn times after the first tenth, what servers cost."""
        from simcluster.measurement.calls import call_metrics
        from simcluster.measurement.metrics import service_metrics  # with SciPy's statistics, which no run waits for
        from simcluster.measurement.servers import server_seconds

        found = service_metrics(result.trace, deadline_s=math.inf if self.deadline_s is None else self.deadline_s)
        if isinstance(served := result.outcome, Served):
            found |= {"queries_answered": len(served.answers), "queries_lost": len(served.lost)}
            found["queries_failed"] = len(served.failed)
        if self.autoscaler is not None and result.trace.keeps("server"):
            found["server_s"] = server_seconds(result.trace, self.servers, result.ended_s)
        return found | call_metrics(result.trace)

    def series(self, result: Ran) -> dict[str, Any]:
        """The ``sojourn`` of each query that was answered, in the order of the answers, and why others ``failed``."""
        from simcluster.measurement.metrics import records_frame

        columns = {
            "sojourn": ("query", ("query", "arrival_s", "sojourn_s", "attempts")),
            "failed": ("query_failed", ("time_s", "query", "arrival_s", "attempts", "cause")),
        }
        return {
            name: records_frame(result.trace, kind, fields)
            for name, (kind, fields) in columns.items()
            if result.trace.keeps(kind) and (name == "sojourn" or any(result.trace.rows(kind)))
        }
