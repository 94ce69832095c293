"""Ranges: numbers between two bounds, that a design of a study or a search of parameters takes values from."""

from __future__ import annotations

import math

from pydantic import model_validator

from simcluster.engine.rules import Finite
from simcluster.engine.spec import Spec


class Range(Spec):
    """Numbers from ``low`` to ``high``, even on a line or on a logarithmic scale, or whole ones."""

    low: Finite
    """The least."""
    high: Finite
    """The greatest."""
    log: bool = False
    """Whether each factor, not each difference, has the same share (learning rates, penalties)."""
    whole: bool = False
    """Whether only whole numbers are taken; both ends are then among them."""

    @model_validator(mode="after")
    def _in_order(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"the difference of low and high must be finite, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be above 0 on a logarithmic scale, got {self.low}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"low and high must be whole numbers where the values are, got {self.low} and {self.high}")
        return self

    def at(self, share: float) -> float | int:
        """The value below which so great a share lies, within [0, 1)."""
        low, high = self.low, self.high + 1 if self.whole else self.high
        if self.log:
            found = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))  # their ratio may overflow
        else:
            found = low + share * (high - low)
        return min(int(found), int(self.high)) if self.whole else min(max(found, self.low), self.high)
