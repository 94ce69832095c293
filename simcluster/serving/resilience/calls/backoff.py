"""Backoff: how long to wait before the next attempt, so that those who failed together do not come back together."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Open, Period, Spec
from simcluster.serving.resilience.protocols import Backoff

Factor = Annotated[float, Field(ge=1, le=1e6), NUMBER]


def at_once(attempt: int, previous_s: float, generator: np.random.Generator) -> float:
    """No wait at all."""
    return 0.0


class FixedBackoff(Spec):
    """The same wait each time."""

    kind: Literal["fixed"] = "fixed"
    delay_s: Period
    """How long."""

    def __call__(self, attempt: int, previous_s: float, generator: np.random.Generator) -> float:
        """The wait, whatever went before."""
        return self.delay_s


class ExponentialBackoff(Spec):
    """Each wait is ``factor`` times the one before, up to ``cap_s``: without jitter all come back at one moment."""

    kind: Literal["exponential"] = "exponential"
    base_s: Period
    """The first wait."""
    cap_s: Period = 30.0
    """The longest."""
    factor: Factor = 2.0
    """By how much it grows."""

    def model_post_init(self, _: object) -> None:
        """Refuse a longest wait that is shorter than the first."""
        _check_cap(self.base_s, self.cap_s)

    def __call__(self, attempt: int, previous_s: float, generator: np.random.Generator) -> float:
        """min(cap, base · factor^(attempt − 1))."""
        return grown_s(self.base_s, self.cap_s, self.factor, attempt)


class FullJitter(Spec):
    """Uniform between 0 and the exponential wait: (M. Brooker, "Exponential backoff and jitter", AWS, 2015)."""

    kind: Literal["full_jitter"] = "full_jitter"
    base_s: Period
    """The longest that the first wait can be."""
    cap_s: Period = 30.0
    """The longest that any can be."""
    factor: Factor = 2.0
    """By how much that grows."""

    def model_post_init(self, _: object) -> None:
        """Refuse a longest wait that is shorter than the first."""
        _check_cap(self.base_s, self.cap_s)

    def __call__(self, attempt: int, previous_s: float, generator: np.random.Generator) -> float:
        """U(0, min(cap, base · factor^(attempt − 1)))."""
        return float(generator.uniform(0.0, grown_s(self.base_s, self.cap_s, self.factor, attempt)))


class DecorrelatedJitter(Spec):
    """Uniform between ``base_s`` and three times the wait before, up to ``cap_s`` (Brooker, as ``FullJitter``)."""

    kind: Literal["decorrelated_jitter"] = "decorrelated_jitter"
    base_s: Period
    """The shortest wait."""
    cap_s: Period = 30.0
    """The longest."""

    def model_post_init(self, _: object) -> None:
        """Refuse a longest wait that is shorter than the shortest."""
        _check_cap(self.base_s, self.cap_s)

    def __call__(self, attempt: int, previous_s: float, generator: np.random.Generator) -> float:
        """min(cap, U(base, 3 · previous)), the wait before the first being base."""
        return min(self.cap_s, float(generator.uniform(self.base_s, 3 * max(self.base_s, previous_s))))


def grown_s(base_s: float, cap_s: float, factor: float, attempt: int) -> float:
    """min(cap, base · factor^(attempt − 1)), which does not overflow."""
    try:
        return float(min(cap_s, base_s * factor ** (attempt - 1)))
    except OverflowError:
        return cap_s


def _check_cap(base_s: float, cap_s: float) -> None:
    if cap_s < base_s:
        raise ValueError(f"cap_s must be at least base_s ({base_s}), got {cap_s}")


AnyBackoff = Annotated[
    Backoff, Open(Backoff, FixedBackoff, ExponentialBackoff, FullJitter, DecorrelatedJitter, at_once=at_once)
]
"""One of the waits above, or one's own; in a file ``kind`` says which."""
