"""Stopping: how many runs are enough, asked as they come."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from simcluster.engine import Spec
from simcluster.measurement.statistics.intervals import Interval, checked_sample, mean_interval


class Precision(Spec):
    """A rule when to stop: until the interval of the mean is narrow enough, in at most so many runs.

    A study runs ``at_least`` seeds, then asks ``more(values)`` how many to add, until that is 0; ``reached(values)``
    says whether the precision was had or the runs ran out. Half of Student's interval must be at most γ/(1 + γ) of the
    mean's absolute value, where γ is ``relative``: then the true mean, if the interval holds it, is within γ of the
    estimate. Looking again and again picks intervals that are narrow by chance, so the last covers a little less often
    than it says; at the default ``at_least`` 94 times in 100 for 95, with 10 as few as 93, with 5 as few as 92.
    Sources: Law, Simulation Modeling and Analysis, 5th ed., 2015, section 9.4.1; Chow and Robbins, Annals of
    Mathematical Statistics 36(2), 1965, who show that it is right in the limit.
    """

    relative: float | None = Field(0.02, gt=0, lt=1)
    """How far the true mean may be from the estimate, as a share of it; ``None`` to ask for ``absolute`` only."""
    absolute: float | None = Field(None, gt=0, allow_inf_nan=False)
    """How long half the interval may be, in the unit of what is measured: for a difference, which may be near 0.

    Where ``relative`` is given too, either suffices.
    """
    level: float = Field(0.95, gt=0, lt=1)
    """The confidence level of the interval."""
    at_least: int = Field(20, ge=2)
    """How many runs there must be before any is judged."""
    at_most: int = Field(500, ge=2)
    """How many runs there may be."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.relative is None and self.absolute is None:
            raise ValueError("a precision must be relative or absolute, got None for both")
        if self.at_most < self.at_least:
            raise ValueError(f"at_most must be no fewer than at_least, got {self.at_most} and {self.at_least}")
        return self

    def interval(self, values: ArrayLike) -> Interval:
        """Student's interval of the mean at ``level``, by which the rule judges; ``values`` (n,)."""
        return mean_interval(values, self.level)

    def reached(self, values: ArrayLike) -> bool:
        """Whether ``values`` (n,) are at least ``at_least`` and their mean is known as precisely as asked."""
        sample = checked_sample(values, self.level)
        found = self.interval(sample)
        return sample.size >= self.at_least and found.high - found.estimate <= self._reach(found.estimate)

    def more(self, values: ArrayLike) -> int:
        """How many runs to add before asking again: 0 when the precision is reached, or ``at_most`` are there.

        As many as it takes if the spread stays what it is, n·(h/h₀)² − n for half-widths h that is and h₀ that is
        asked, but never more than n, since the spread is known the less the fewer there are. ``values`` (n,), of none
        too.
        """
        n = np.asarray(values, dtype=np.float64).size
        if n < self.at_least:
            return self.at_least - n
        if n >= self.at_most or self.reached(values):
            return 0
        found = self.interval(values)
        asked = self._reach(found.estimate)
        factor = (found.high - found.estimate) / asked if asked > 0 else math.inf
        wanted = math.ceil(n * min(factor**2, 2.0)) - n
        return min(max(wanted, 1), self.at_most - n)

    def _reach(self, mean: float) -> float:
        """The longest half-width that is narrow enough."""
        relative = 0.0 if self.relative is None else self.relative / (1 + self.relative) * abs(mean)
        return max(relative, self.absolute or 0.0)
