"""What a search draws candidates from: values of parameters, and ranges of them."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from simcluster.engine import Finite, Spec, check_differ

Value = bool | int | Finite | str | None
Parameters = dict[str, Value]


class Range(Spec):
    """Numbers between two bounds, each as likely as any other, or each factor where ``log``."""

    low: Finite
    """The least."""
    high: Finite
    """The greatest."""
    log: bool = False
    """Whether the logarithm is drawn uniformly (learning rates, penalties) instead of the number."""
    whole: bool = False
    """Whether only whole numbers are drawn, the bounds among them."""

    @model_validator(mode="after")
    def _has_numbers(self) -> Range:
        if not self.low < self.high:
            raise ValueError(f"low must be less than high, got {self.low} and {self.high}")
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"the bounds' difference must be finite, got {self.low} and {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be more than 0 where logarithms are drawn, got {self.low}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"bounds must be whole where only whole numbers are drawn, got {self.low} and {self.high}")
        return self

    @property
    def values(self) -> tuple[Value, ...]:
        """The bounds."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    def draw(self, generator: np.random.Generator) -> Value:
        """One number."""
        low, high = self.low, self.high + (1 if self.whole else 0)
        share = float(generator.random())
        if self.log:
            drawn = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            drawn = low + share * (high - low)
        drawn = min(max(drawn, self.low), self.high)  # rounding may have brought it out
        return int(drawn) if self.whole else drawn


def _all_differ(values: tuple[Value, ...]) -> tuple[Value, ...]:
    check_differ("what is tried", values)
    return values


Choice = Annotated[tuple[Value, ...], Field(min_length=1), AfterValidator(_all_differ)]
Grid = Annotated[dict[str, Choice], Field(min_length=1)]
Space = Annotated[dict[str, Choice | Range], Field(min_length=1)]


def draw_candidates(space: Space, count: int, generator: np.random.Generator) -> tuple[Parameters, ...]:
    """So many candidates; the first of them are the same however many there are (Bergstra & Bengio 2012)."""
    return tuple({name: _draw(values, generator) for name, values in space.items()} for _ in range(count))


def check_space(estimator: Any, space: Any, resource: tuple[str, tuple[int, ...]] | None = None) -> None:
    """Raise ``ValueError`` where the estimator has no such parameter, or refuses a value; and so for the resource."""
    tried = {name: values.values if isinstance(values, Range) else values for name, values in space.items()}
    if resource is not None:
        if resource[0] in tried:
            raise ValueError(f"the resource must be none of the parameters that are drawn, got {resource[0]!r}")
        tried[resource[0]] = resource[1]
    for name, values in tried.items():
        for value in values:
            estimator.replace(**{name: value})


def _draw(values: tuple[Value, ...] | Range, generator: np.random.Generator) -> Value:
    if isinstance(values, Range):
        return values.draw(generator)
    return values[int(generator.integers(len(values)))]
