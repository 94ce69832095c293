"""Arrivals: when queries come, whatever becomes of those before (an open loop) or after each answer (a closed one)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from simpy.events import AllOf

from simcluster.engine import (
    AnyDistribution,
    Constant,
    Count,
    Environment,
    Event,
    Open,
    Positive,
    Program,
    Seconds,
    Spec,
)
from simcluster.serving.protocols import Arrivals


class Poisson(Spec):
    """Queries come independently of each other and of all else."""

    kind: Literal["poisson"] = "poisson"
    per_s: Positive
    """How many come in a second, in the mean."""

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """One after each exponential gap."""
        while True:
            yield env.timeout(generator.exponential(1 / self.per_s))
            ask()


class At(Spec):
    """Queries come at the times of a trace."""

    kind: Literal["at"] = "at"
    times_s: Annotated[tuple[Seconds, ...], Field(min_length=1)]
    """When one comes, in simulated seconds and in any order."""

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """One at each time, in their order."""
        for time_s in sorted(self.times_s):
            yield env.timeout(max(0.0, time_s - env.now))  # a moment may be an ulp late: now + (time - now)
            ask()


class Closed(Spec):
    """Clients think, ask, wait for the answer, and begin again (a closed loop)."""

    kind: Literal["closed"] = "closed"
    clients: Annotated[Count, Field(le=1_000_000)]
    """How many there are, at most a million."""
    think_s: AnyDistribution = Constant(value=0.0)
    """How long a client thinks before each query, drawn anew."""

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """All clients at once."""

        def client() -> Program:
            while True:
                yield env.timeout(self.think_s.sample(generator))
                yield ask()

        yield AllOf(env, [env.process(client()) for _ in range(self.clients)])


AnyArrivals = Annotated[Arrivals, Open(Arrivals, Poisson, At, Closed)]
"""One of the arrivals above, or one's own; in a file ``kind`` says which."""
