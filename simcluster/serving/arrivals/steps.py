"""Arrivals whose rate changes at given times: a flash crowd, a ramp, the trigger of an overload."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.engine import Environment, Event, NotNegative, Program, Seconds, Spec


class Steps(Spec):
    """A Poisson process whose rate is constant from each time to the next; the last rate holds for ever.

    A gap that would reach beyond the end of a step is drawn anew from there, at the next rate: it has no memory.
    """

    kind: Literal["steps"] = "steps"
    begin_s: Annotated[tuple[Seconds, ...], Field(min_length=1)]
    """When each rate begins to hold, each later than the one before; nothing comes before the first."""
    per_s: Annotated[tuple[NotNegative, ...], Field(min_length=1)]
    """How many come in a second from then on, in the mean."""

    @model_validator(mode="after")
    def _steps_fit(self) -> Steps:
        if len(self.per_s) != len(self.begin_s):
            raise ValueError(f"per_s must have a rate for each of the {len(self.begin_s)} times, got {self.per_s}")
        if any(after <= before for before, after in pairwise(self.begin_s)):
            raise ValueError(f"begin_s must rise, got {self.begin_s}")
        if not self.per_s[-1]:
            raise ValueError(f"the last of per_s must be greater than 0, got {self.per_s}")
        return self

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """Step by step."""
        yield env.timeout(max(0.0, self.begin_s[0] - env.now))
        for rate_per_s, end_s in zip(self.per_s, (*self.begin_s[1:], math.inf), strict=True):
            while rate_per_s:
                gap_s = float(generator.exponential(1 / rate_per_s))
                if env.now + gap_s >= end_s:
                    break
                yield env.timeout(gap_s)
                ask()
            if end_s < math.inf:
                yield env.timeout(max(0.0, end_s - env.now))
