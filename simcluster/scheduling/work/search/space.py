"""What a search draws candidates from: values of parameters, and ranges of them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from simcluster.engine import Finite, Range, check_differ

Value = bool | int | Finite | str | None
Parameters = dict[str, Value]


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
    ends = {name: (within.at(0), within.at(1)) for name, within in space.items() if isinstance(within, Range)}
    tried = {**space, **ends}
    if resource is not None:
        if resource[0] in tried:
            raise ValueError(f"the resource must be none of the parameters that are drawn, got {resource[0]!r}")
        tried[resource[0]] = resource[1]
    for name, values in tried.items():
        for value in values:
            estimator.replace(**{name: value})


def _draw(values: tuple[Value, ...] | Range, generator: np.random.Generator) -> Value:
    if isinstance(values, Range):
        return values.at(float(generator.random()))
    return values[int(generator.integers(len(values)))]
