"""Arrivals at given times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import Environment, Event, Program, Seconds, Spec


class At(Spec):
    """Queries come at the times of a trace."""

    kind: Literal["at"] = "at"
    times_s: Annotated[tuple[Seconds, ...], Field(min_length=1)]
    """When one comes, in simulated seconds and in any order."""

    @property
    def most(self) -> int:
        """How many come in all."""
        return len(self.times_s)

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """One at each time, in their order."""
        yield from at_times(env, ask, self.times_s)


def at_times(env: Environment, ask: Callable[[], Event], times_s: Iterable[float]) -> Program:
    """Steps that call ``ask`` at each of these times, in their order."""
    for time_s in sorted(times_s):
        yield env.timeout(max(0.0, time_s - env.now))  # a moment may be an ulp late: now + (time - now)
        ask()
