"""Distributions of times and factors: frozen data with a mean and a way to draw.

One of one's own is any object with ``mean`` and ``sample(generator)``.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import BeforeValidator, Field

from simcluster.engine.open import Open
from simcluster.engine.rules import NUMBER
from simcluster.engine.spec import Spec

Value = Annotated[float, Field(ge=0, le=1e100, allow_inf_nan=False), NUMBER]
"""A time or a factor, small enough that a few draws multiply to a finite one."""
Mean = Annotated[float, Field(gt=0, le=1e100, allow_inf_nan=False), NUMBER]
"""A ``Value`` that is not 0."""


class Distribution(Protocol):
    """A law of random times or factors.

    Where there is a method ``samples(generator, count)``, it gives a list of so many draws, the same as ``sample`` one
    after the other, and faster.
    """

    @property
    def mean(self) -> float:
        """The expected value."""
        ...

    def sample(self, generator: np.random.Generator) -> float:
        """One draw, at least 0 and finite; all its randomness is from ``generator``."""
        ...


class Constant(Spec):
    """Always the same value."""

    kind: Literal["constant"] = "constant"
    value: Value
    """What every draw gives."""

    @property
    def mean(self) -> float:
        """The expected value."""
        return self.value

    def sample(self, generator: np.random.Generator) -> float:
        """One draw, which takes nothing from ``generator``."""
        return self.value


class Exponential(Spec):
    """Exponential with the given mean: memoryless, as the times between Poisson arrivals are."""

    kind: Literal["exponential"] = "exponential"
    mean: Mean
    """The expected value."""

    def sample(self, generator: np.random.Generator) -> float:
        """One draw."""
        return float(generator.standard_exponential() * self.mean)

    def samples(self, generator: np.random.Generator, count: int) -> list[float]:
        """So many draws, the same as one after the other."""
        if type(self).sample is not Exponential.sample:  # one's own, made of this one
            return [self.sample(generator) for _ in range(count)]
        draws: list[float] = (generator.standard_exponential(count) * self.mean).tolist()
        return draws


class Uniform(Spec):
    """Uniform on [``low``, ``high``)."""

    kind: Literal["uniform"] = "uniform"
    low: Value
    """The lower end."""
    high: Value
    """The upper end, at least ``low``."""

    def model_post_init(self, _: object) -> None:
        """Refuse an empty interval."""
        if self.high < self.low:
            raise ValueError(f"high must be at least low ({self.low}), got {self.high}")

    @property
    def mean(self) -> float:
        """The expected value."""
        return (self.low + self.high) / 2

    def sample(self, generator: np.random.Generator) -> float:
        """One draw."""
        return float(self.low + (self.high - self.low) * generator.random())


class Lognormal(Spec):
    """Lognormal with the given mean."""

    kind: Literal["lognormal"] = "lognormal"
    mean: Mean
    """The expected value."""
    sigma: Annotated[float, Field(gt=0, le=30, allow_inf_nan=False), NUMBER]
    """The standard deviation of the logarithm; of 30 no draw in a lifetime comes near the mean."""

    def sample(self, generator: np.random.Generator) -> float:
        """One draw: exp(μ + σZ) with μ = ln(mean) − σ²/2."""
        mu = math.log(self.mean) - self.sigma**2 / 2
        return math.exp(mu + self.sigma * float(generator.standard_normal()))


class Pareto(Spec):
    """Pareto (type I) with the given mean."""

    kind: Literal["pareto"] = "pareto"
    mean: Mean
    """The expected value."""
    shape: Annotated[float, Field(gt=1, allow_inf_nan=False), NUMBER]
    """The tail index a; the nearer to 1, the heavier the tail."""

    def sample(self, generator: np.random.Generator) -> float:
        """One draw: m·U^(−1/a) with the scale m = mean·(a − 1)/a."""
        scale = self.mean * (self.shape - 1) / self.shape
        return float(scale * (1 - generator.random()) ** (-1 / self.shape))


class Weibull(Spec):
    """Weibull with the given mean."""

    kind: Literal["weibull"] = "weibull"
    mean: Mean
    """The expected value."""
    shape: Annotated[float, Field(ge=0.01, allow_inf_nan=False), NUMBER]
    """The exponent k, at least 0.01; below 1 failures cluster early in life, and 1 is exponential."""

    def sample(self, generator: np.random.Generator) -> float:
        """One draw: λ·E^(1/k) with E exponential and λ = mean/Γ(1 + 1/k)."""
        scale = self.mean / math.gamma(1 + 1 / self.shape)
        return float(scale * generator.standard_exponential() ** (1 / self.shape))


class Empirical(Spec):
    """One of the given values."""

    kind: Literal["empirical"] = "empirical"
    values: Annotated[tuple[Value, ...], Field(min_length=1)]
    """What a draw may give, each entry as likely as the next."""

    @property
    def mean(self) -> float:
        """The expected value."""
        return math.fsum(self.values) / len(self.values)

    def sample(self, generator: np.random.Generator) -> float:
        """One draw."""
        return self.values[int(generator.integers(len(self.values)))]


def _no_bare_number(given: Any) -> Any:
    """What was given, unless it is a number, of which nobody can tell whether its author thought of a distribution."""
    if isinstance(given, int | float):
        right = given >= 0 and math.isfinite(given) and not isinstance(given, bool)
        raise ValueError(f"must be a distribution, got {given}" + (f": write Constant(value={given})" if right else ""))
    return given


AnyDistribution = Annotated[
    Distribution,
    Open(Distribution, Constant, Exponential, Uniform, Lognormal, Pareto, Weibull, Empirical),
    BeforeValidator(_no_bare_number),
]
"""One of the distributions above, or one's own; in a file ``kind`` says which."""
