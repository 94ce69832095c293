"""Bursty arrivals: a Poisson process whose rate is that of a state which changes at random."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.engine import Environment, Event, NotNegative, Positive, Program, Spec


class MarkovModulated(Spec):
    """A Markov-modulated Poisson process (MMPP): a state lasts an exponential time, and has a rate of its own.

    After a state comes any of the others, each as likely as the next; of two they take turns. It begins in the first.
    Source: W. Fischer & K. Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook", Performance
    Evaluation 18(2), 1993.
    """

    kind: Literal["mmpp"] = "mmpp"
    per_s: Annotated[tuple[NotNegative, ...], Field(min_length=2)]
    """How many come in a second while each state lasts, in the mean; not all 0."""
    state_s: Annotated[tuple[Positive, ...], Field(min_length=2)]
    """How long each state lasts, in the mean."""

    @model_validator(mode="after")
    def _states_fit(self) -> MarkovModulated:
        if len(self.state_s) != len(self.per_s):
            raise ValueError(f"state_s must have a time for each of the {len(self.per_s)} rates, got {self.state_s}")
        if not any(self.per_s):
            raise ValueError(f"per_s must not all be 0, got {self.per_s}")
        return self

    @property
    def per_s_mean(self) -> float:
        """How many come in a second in the long run: each state is visited as often as the next."""
        weights = [rate * lasts_s for rate, lasts_s in zip(self.per_s, self.state_s, strict=True)]
        return math.fsum(weights) / math.fsum(self.state_s)

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """One after each exponential gap of the state, drawn anew when the state changes, for it has no memory."""
        state = 0
        while True:
            left_s = float(generator.exponential(self.state_s[state]))
            while True:
                gap_s = float(generator.exponential(1 / self.per_s[state])) if self.per_s[state] else math.inf
                if gap_s >= left_s:
                    break
                yield env.timeout(gap_s)
                left_s -= gap_s
                ask()
            yield env.timeout(left_s)
            other = int(generator.integers(len(self.per_s) - 1))
            state = other + (other >= state)
