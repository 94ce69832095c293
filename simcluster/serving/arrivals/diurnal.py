"""Arrivals whose rate is that of the time of day."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Environment, Event, Finite, Positive, Program, Spec


class Diurnal(Spec):
    """A Poisson process whose rate swings as a day does: λ(t) = λ·(1 + a·sin(2π·(t + phase)/period)).

    Drawn by thinning: of a process at the highest rate each arrival stays with the chance λ(t)/(λ·(1 + a)). Source:
    P. Lewis & G. Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", Naval Research Logistics
    Quarterly 26(3), 1979.
    """

    kind: Literal["diurnal"] = "diurnal"
    per_s: Positive
    """λ, how many come in a second in the mean over a period."""
    swing: Annotated[float, Field(ge=0, le=1), NUMBER] = 0.5
    """a, by which share of that the rate rises and falls."""
    period_s: Positive = 86_400.0
    """How long a day is."""
    phase_s: Finite = 0.0
    """How far into the day the run begins; the rate is then at its mean and rises."""

    def rate_per_s(self, time_s: float) -> float:
        """λ(t)."""
        return self.per_s * (1 + self.swing * math.sin(2 * math.pi * (time_s + self.phase_s) / self.period_s))

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """One after the other, of which some do not stay."""
        highest_per_s = self.per_s * (1 + self.swing)
        while True:
            time_s = env.now
            while True:
                time_s += float(generator.exponential(1 / highest_per_s))
                if generator.random() * highest_per_s < self.rate_per_s(time_s):
                    break
            yield env.timeout(time_s - env.now)
            ask()
