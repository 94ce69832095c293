"""Designs: which values of which fields are run together. Fields are named by dotted paths.

A sample (``RandomSample``, ``LatinHypercube``, ``Sobol``) is drawn once from its own seed, not from those of the runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.engine import Count, Range, Seed, Spec, stream

Cell = dict[str, Any]
"""A value for each path."""


class Grid(Spec):
    """Every value of each field with every value of the others; the last field changes fastest."""

    kind: Literal["grid"] = "grid"
    values: dict[str, list[Any]]
    """The values of each field, by its path."""

    @model_validator(mode="after")
    def _some(self) -> Grid:
        _check_some(self.values)
        return self

    def cells(self) -> list[Cell]:
        """The combinations."""
        return [dict(zip(self.values, each, strict=True)) for each in itertools.product(*self.values.values())]


class Zip(Spec):
    """The first values of all fields together, then the second ones, and so on."""

    kind: Literal["zip"] = "zip"
    values: dict[str, list[Any]]
    """The values of each field, by its path; equally many of each."""

    @model_validator(mode="after")
    def _equally_many(self) -> Zip:
        _check_some(self.values)
        counts = {path: len(values) for path, values in self.values.items()}
        if len(set(counts.values())) > 1:
            raise ValueError(f"values must be equally many for each field, got {counts}")
        return self

    def cells(self) -> list[Cell]:
        """The combinations."""
        return [dict(zip(self.values, each, strict=True)) for each in zip(*self.values.values(), strict=True)]


Ranges = Annotated[dict[str, Range], Field(min_length=1)]


class _Sample(Spec):
    ranges: Ranges
    """Where the values of each field lie, by its path."""
    samples: Count
    """How many combinations are drawn."""
    seed: Seed = 0
    """What they are drawn from."""

    def _shares(self) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def cells(self) -> list[Cell]:
        """The combinations."""
        return [
            {path: within.at(float(share)) for (path, within), share in zip(self.ranges.items(), row, strict=True)}
            for row in self._shares()
        ]


class RandomSample(_Sample):
    """Combinations of independent values."""

    kind: Literal["random"] = "random"

    def _shares(self) -> np.ndarray[Any, Any]:
        return stream(self.seed, "design").random((self.samples, len(self.ranges)))


class LatinHypercube(_Sample):
    """Combinations that have, of each field, one value in each of ``samples`` equal shares of its range.

    Source: McKay, Beckman and Conover, A comparison of three methods for selecting values of input variables, 1979.
    """

    kind: Literal["latin_hypercube"] = "latin_hypercube"

    def _shares(self) -> np.ndarray[Any, Any]:
        from scipy.stats import qmc

        return np.asarray(qmc.LatinHypercube(len(self.ranges), rng=stream(self.seed, "design")).random(self.samples))


class Sobol(_Sample):
    """Combinations that fill the ranges evenly, by Sobol's sequence, scrambled; best are 2, 4, 8, … of them.

    Source: Owen, Scrambling Sobol' and Niederreiter-Xing points, 1998.
    """

    kind: Literal["sobol"] = "sobol"

    def _shares(self) -> np.ndarray[Any, Any]:
        from scipy.stats import qmc

        power = max(self.samples - 1, 0).bit_length()
        drawn = qmc.Sobol(len(self.ranges), rng=stream(self.seed, "design")).random_base2(power)
        return np.asarray(drawn[: self.samples])


Design = Annotated[Grid | Zip | RandomSample | LatinHypercube | Sobol, Field(discriminator="kind")]


def grid(values: Mapping[str, Any] | None = None, /, **more: Any) -> Grid:
    """Every value with every other: ``grid({"job.steps": [10, 20], "faults.0.factor": [2, 4]})``."""
    return Grid(values=_listed({**(values or {}), **more}))


def zipped(values: Mapping[str, Any]) -> Zip:
    """First values together, then second ones: ``zipped({"job.steps": [10, 20], "horizon_s": [1, 2]})``."""
    return Zip(values=_listed(values))


def _listed(values: Mapping[str, Any]) -> dict[str, list[Any]]:
    for path, each in values.items():
        if isinstance(each, str) or not isinstance(each, Iterable):
            raise ValueError(f"values of {path} must be several, got {each!r}: write [{each!r}]")
    return {path: list(each) for path, each in values.items()}


def _check_some(values: Mapping[str, list[Any]]) -> None:
    if not values:
        raise ValueError("values must be of at least one field, got none")
    for path, each in values.items():
        if not each:
            raise ValueError(f"values of {path} must be at least one, got none")
