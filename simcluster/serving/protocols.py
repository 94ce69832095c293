"""What a service is made of: what it answers, how queries come, and who gets the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from simcluster.engine import Environment, Event, Program
from simcluster.kernels import Call


class Service(Protocol):
    """What is asked, and how it is answered. All methods are pure functions of their arguments."""

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
