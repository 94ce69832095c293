"""A closed loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from simpy.events import AllOf

from simcluster.engine import AnyDistribution, Constant, Count, Environment, Event, Program, Spec


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
