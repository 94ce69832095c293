"""A node's clock: what the node believes the time to be."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from simcluster.engine import Environment, Positive, Seconds, Spec

_LEAST_RATE = 1e-9
"""Seconds that a clock gains in a second at the least, however slow its drifts make it."""


class ClockSpec(Spec):
    """How a clock errs: c(t) = t + offset + drift·t + A·sin(2πt/P).

    ``drift`` is the relative error of the rate (1e-5 is 10 ppm, a common quartz; it must be above −1, for a clock
    does not run backwards), A ``wander_s`` the amplitude of a slow wander of period P ``wander_period_s``, for
    instance with the day's temperature. No clock runs backwards: the wander, which changes the rate by
    2πA/P where it is steepest, counts only as far as the rate stays above 0.
    """

    offset_s: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    drift: Annotated[float, Field(gt=-1, allow_inf_nan=False)] = 0.0
    wander_s: Seconds = 0.0
    wander_period_s: Positive = 86400.0

    @property
    def bounded_wander_s(self) -> float:
        """The amplitude of the wander, as far as the clock runs forward even where it is steepest."""
        most_s = (1 + self.drift) * self.wander_period_s / (2 * math.pi)
        return min(self.wander_s, most_s * (1 - _LEAST_RATE))


class Clock:
    """One node's clock, right at ``since_s`` but for its offset.

    Faults may step it, or let it drift for a while; a step stays until it is stepped back. But for steps it never
    runs backwards: whatever drifts add up, its rate stays at least a billionth above the wander's steepest.
    """

    def __init__(self, env: Environment, spec: ClockSpec, since_s: float) -> None:
        self._env = env
        self._spec = spec
        self._wander_s = spec.bounded_wander_s
        self._slowest = 2 * math.pi * self._wander_s / spec.wander_period_s - 1 + _LEAST_RATE
        self._error_s = spec.offset_s
        self._since_s = since_s
        self._drifts: dict[object, float] = {}

    @property
    def at_baseline(self) -> bool:
        """Whether the clock drifts as specified; an error that has been gathered stays."""
        return not self._drifts

    def now(self) -> float:
        """The time in seconds as this node sees it."""
        spec, true_s = self._spec, self._env.now
        wander_s = self._wander_s * math.sin(2 * math.pi * true_s / spec.wander_period_s)
        return true_s + self._error_s + self._rate * (true_s - self._since_s) + wander_s

    def step(self, seconds: float) -> None:
        """Set the clock forward by ``seconds`` (back when negative), as a wrong time server does."""
        if not math.isfinite(seconds):
            raise ValueError(f"seconds must be a finite number, got {seconds}")
        self._error_s += seconds

    def drift(self, key: object, rate: float) -> None:
        """Run ``rate`` faster than specified, relative to true time, until ``undrift(key)``; several rates add.

        Their sum, with the specified drift, counts as far as the clock still runs forward.
        """
        if not math.isfinite(rate):
            raise ValueError(f"rate must be a finite number, got {rate}")
        self._settle()
        self._drifts[key] = rate

    def undrift(self, key: object) -> None:
        """Take one drift back; the error that it made stays."""
        self._settle()
        del self._drifts[key]

    @property
    def _rate(self) -> float:
        spec = self._spec
        if not self._drifts:
            return spec.drift
        return max(spec.drift + math.fsum(self._drifts.values()), self._slowest)

    def _settle(self) -> None:
        self._error_s += self._rate * (self._env.now - self._since_s)
        self._since_s = self._env.now
