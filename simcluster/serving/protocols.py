"""What a service is made of: what it answers, how queries come, and who gets the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from simcluster.cluster import Cluster, Node
from simcluster.engine import Environment, Event, Program
from simcluster.kernels import Call

if TYPE_CHECKING:
    from simcluster.serving.online.course import Course


class Service(Protocol):
    """What is asked, and how it is answered. All methods are pure functions of their arguments.

    A method ``load(node, shard)``, which need not be, gives the steps that a server does whenever it comes up, before
    it answers; their value is what ``answer`` is given.
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
    """When queries come. They are the world's: no pause and no crash of the cluster holds one up."""

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
    """

    name: str
    zone: str | None = None
    outstanding: int = 0
    latency_s: float | None = None
    heard_s: float | None = None
    suspected: bool = False


class Balancer(Protocol):
    """Chooses the replica that gets a request; a plain function serves. What it remembers a crash forgets."""

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The name of one of ``replicas``, of which there is at least one."""
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
