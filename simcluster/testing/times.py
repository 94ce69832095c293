"""Times that shrink to round numbers, and often coincide."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

TICKS = 100


def times_s(last_s: float) -> SearchStrategy[float]:
    """Seconds from 0 to ``last_s``, half of them at one of a hundred equal steps; shrinks to 0."""
    return lengths_s(0, TICKS, last_s)


def lengths_s(fewest: int, most: int, last_s: float) -> SearchStrategy[float]:
    """Seconds between two numbers of hundredths of ``last_s``."""
    if not (last_s > 0 and math.isfinite(last_s)):
        raise ValueError(f"last_s must be a number greater than 0, got {last_s}")
    step_s = last_s / TICKS
    steps = st.integers(fewest, most).map(lambda tick: rounded(tick * step_s))
    return steps | st.floats(fewest * step_s, most * step_s)


def rounded(seconds: float) -> float:
    """Without the last bits of binary fractions."""
    return float(f"{seconds:.12g}")

