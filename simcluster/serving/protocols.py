"""What a service is made of: what it answers, how queries come, who gets the next one, and what stands in its way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from simcluster.cluster import Cluster, Node
from simcluster.engine import Environment, Event, Program
from simcluster.kernels import Call

if TYPE_CHECKING:
    from simcluster.serving.online.course import Course
    from simcluster.serving.pool import Pool
    from simcluster.serving.server import Request
    from simcluster.serving.shard_call import ShardCall


class Service(Protocol):
    """What is asked, and how it is answered. All methods are pure functions of their arguments.

    A method ``load(node, shard)``, which need not be, gives the steps that a server does whenever it comes up, before
    it answers; their value is what ``answer`` is given. A method ``key(body)``, which need not be either, says what a
    query asks for, of a kind that a dictionary takes as a key: balancers and caches are told it instead of the body.
    Where there is a method ``asks(generator)``, it gives what ``ask`` gives time after time, without end, and faster.
    """

    def shards(self, count: int, seed: int) -> Sequence[Any]:
        """What the servers of each of ``count`` shards hold."""
        ...

    def ask(self, generator: np.random.Generator) -> Any:
        """The body of one query, plain data; all its randomness is from ``generator``."""
        ...

    def answer(self, shard: Any, body: Any) -> Call[Any]:
        """What a server computes on its shard for a query."""
        ...

    def merge(self, parts: Sequence[Any]) -> Any:
        """The answer to a query, from those of all shards in their order."""
        ...


class Arrivals(Protocol):
    """When queries come. They are the world's: no pause and no crash of the cluster holds one up.

    Where they come to an end, a property ``most`` says how many there are.
    """

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """A process that calls ``ask`` whenever a query comes; what that returns happens when it is answered.

        It goes on for ever: the job ends it when there have been enough, or lets it wait for ever for one too many.
        """
        ...


@dataclass(slots=True)
class ReplicaView:
    """A replica as the front end knows it, kept up to date.

    ``outstanding`` requests have not been answered; ``latency_s`` is how long its last answer took and ``heard_s`` when
    that came, ``None`` before the first; ``zone`` is where it stands, and ``suspected`` what the job's detector says.
    Only those whose ``state`` is "active" are asked; the pool (``Pool``) says what it is.
    """

    name: str
    zone: str | None = None
    outstanding: int = 0
    latency_s: float | None = None
    heard_s: float | None = None
    suspected: bool = False
    state: Literal["active", "starting", "draining", "off"] = "active"


class Balancer(Protocol):
    """Chooses the replica that gets a request; a plain function serves. What it remembers a crash forgets.

    ``query`` is what is asked for: the service's ``key`` of it, else its body. While nobody is suspected, nobody was
    asked before and the pool is the same, ``replicas`` is the same tuple. ``generator`` is quick at single draws by
    ``random()`` and ``integers(n)``. Two methods need not be: ``heard(view, latency_s, now_s)`` is told whenever a
    request is outstanding no more, how long its answer took or ``None`` when there was none; and ``run(node, name,
    replicas)`` gives the steps of a program on the front end, as long as that is up, over the views of all servers of
    the job (a message of kind ``<name>.probe`` asks one of them, which replies with how many requests it has and how
    many seconds the next will take, as far as it knows).
    """

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The name of one of ``replicas``, of which there is at least one."""
        ...


class CallPolicy(Protocol):
    """What stands around the call of one shard: it gives up, asks again, asks two, or does not ask at all.

    A plain function serves. Several stand around each other. What one remembers holds for all calls of a front end
    until that crashes, for each has a copy of it.
    """

    def __call__(self, call: ShardCall, ask: Callable[[], Program]) -> Program:
        """Steps on the front end whose value is the shard's answer, which ``yield from ask()`` gives.

        Each ``ask()`` is one attempt of what stands within: in the end, a request to a replica that the balancer
        chooses among those that this call has not asked yet. It raises one of ``UNANSWERED``, ``Overloaded`` where a
        server or a guard turned it away. What the steps raise in the end is what becomes of the query. Of two attempts
        at once each is ``call.start(ask())``, an event that fails, if it does, without a word; ``call.stop`` gives one
        up. Two members need not be: ``refuses(inner, replicas)`` says why the policies ``inner`` cannot stand within
        it, where a shard has so many replicas, or ``None``; ``carries`` is true of one that tells servers more than
        what is asked (``call.deadline_s``, a twin), for which they need a queue.
        """
        ...


class QueueDiscipline(Protocol):
    """What waits at a server, and who is computed next: each server has a copy, made when it comes up."""

    def arrive(self, request: Request, waiting: deque[Request], free: int, now_s: float) -> None:
        """A request has come: put it at one end of ``waiting``, or ``reject`` it, or another that waits.

        ``waiting`` are those that nobody computes yet, and ``free`` how many cores compute nothing. Whoever is rejected
        must not be in it any more.
        """
        ...

    def choose(self, waiting: deque[Request], now_s: float) -> Request | None:
        """Take out of ``waiting``, which is not empty, who is computed now; ``None`` when all have been rejected."""
        ...


class Cache(Protocol):
    """Answers that are kept for whoever asks for the same, in the memory of one node: a crash forgets them."""

    @property
    def coalesces(self) -> bool:
        """Whether who asks for what is being asked for waits for that answer (request coalescing)."""
        ...

    def get(self, key: Hashable, now_s: float) -> Any:
        """The answer under ``key``. Raises ``KeyError`` when there is none."""
        ...

    def put(self, key: Hashable, answer: Any, now_s: float) -> None:
        """Keep an answer, perhaps in the place of others."""
        ...


class Autoscaler(Protocol):
    """Says how many servers run."""

    def at_start(self, replicas: int) -> int:
        """How many of the ``replicas`` of each shard run as the job begins, at least 1."""
        ...

    def run(self, node: Node, pool: Pool) -> Program:
        """Steps on the front end, as long as that is up, which let servers of ``pool`` start and drain."""
        ...


class Feed(Protocol):
    """The mini-batches of one run, as they come to a learner: what the world knows of them, and no crash takes away."""

    @property
    def position(self) -> int:
        """The number of the batch that comes next: those before it have come."""

    @property
    def replays(self) -> bool:
        """Whether a batch that is forgotten with a learner's memory comes again; where not, it is lost."""

    def next(self, node: Node, following: int) -> Program:
        """Steps on the learner whose value is the number and the rows of a batch, ``None`` when there is no more.

        To a learner that replays it is batch ``following``, or the first after it that is not lost.
        """
        ...

    def came_s(self, number: int) -> float:
        """When a batch came first."""
        ...

    def begin(self) -> None:
        """A learner begins, with nothing of what another one before it had in hand."""
        ...

    def settle(self, number: int) -> None:
        """A batch has been learned from, or is lost."""
        ...


class Batches(Protocol):
    """Where the mini-batches of online learning come from."""

    def start(self, cluster: Cluster, course: Course) -> Feed:
        """Boot what it needs, and let them come."""
        ...

    def refuses(self, batches: int) -> str | None:
        """Why there cannot be so many, or ``None``."""
        ...
