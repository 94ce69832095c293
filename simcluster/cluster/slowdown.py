"""What several slow-downs make together."""

from __future__ import annotations

import math
from collections.abc import Iterable

LEAST, MOST = 5e-324, 1e200
"""Bounds of a product of slow-downs, so that it can be divided by and what it multiplies stays finite."""


def combined(factors: Iterable[float], least: float = LEAST) -> float:
    """The product of factors, each greater than 0; where floats cannot hold it, or hardly, the nearest bound.

    Computed anew from those in force, so that no rounding stays when one is taken back.
    """
    return min(max(math.prod(factors), least), MOST)
