"""Quantiles with intervals that hold whatever the distribution is, by order statistics."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from simcluster.measurement.statistics.intervals import Interval, check_level


def quantile_interval(values: ArrayLike, q: float = 0.5, level: float = 0.95) -> Interval:
    """The quantile ``q`` with a distribution-free interval between two of the sorted values; ``values`` (n,).

    The number B of values at or below the true quantile is binomial(n, q), so [x₍l₎, x₍u₎] covers it with the
    probability P(l ≤ B < u), at least (for a distribution with atoms, more). The ranks are the fewest whose probability
    is ``level`` or more, the likeliest first; the interval covers a little more often than it says, the less so the
    more values there are. The estimate is the value at the rank (n + 1)·q (NumPy's method "weibull"). Source: Meeker,
    Hahn and Escobar, Statistical Intervals, 2nd ed., 2017, section 5.2.

    An end is infinite where there are too few values to bound that side; ``fewest_for_quantile`` says when.
    An infinite value stands beyond all others, as a time never reached does (``first_time_at_most``), so that quantiles
    can be had where a mean cannot.

    Raises ``ValueError`` for no values, for NaN, and for a ``q`` or a level outside (0, 1).
    """
    _check(q, level)
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"values must be one row of at least 1 number, got shape {sample.shape}")
    if missing := int(np.count_nonzero(np.isnan(sample))):
        raise ValueError(
            f"values must be numbers, got nan ({missing} of {sample.size}): give what never happened as infinite, or "
            "leave it out and say so"
        )
    ordered = np.sort(sample)
    low, high = _ranks(sample.size, q, level)
    ends = np.concatenate([[-math.inf], ordered, [math.inf]])
    rank = min(max((sample.size + 1) * q, 1.0), float(sample.size))
    below, above = ends[math.floor(rank)], ends[math.ceil(rank)]
    share = rank - math.floor(rank)
    estimate = below if share == 0 or below == above else (1 - share) * below + share * above
    return Interval(float(estimate), float(ends[low]), float(ends[high]))


def fewest_for_quantile(q: float, level: float = 0.95) -> int:
    """The fewest values of which ``quantile_interval`` has two finite ends, and every greater number has too.

    At 95 % it is 6 for the median, 34 for q = 0.9 (or 0.1), 76 for 0.95 and 377 for 0.99.
    """
    _check(q, level)
    n = 1
    while not _bounded(n, q, level):
        n *= 2
    least, most = n // 2, n  # least has an infinite end
    while most - least > 1:
        n = (least + most) // 2
        least, most = (least, n) if _bounded(n, q, level) else (n, most)
    return most


def _bounded(n: int, q: float, level: float) -> bool:
    low, high = _ranks(n, q, level)
    return low > 0 and high <= n


def _check(q: float, level: float) -> None:
    check_level(level)
    if not 0 < q < 1:
        raise ValueError(f"q must be within (0, 1), got {q}")


def _ranks(n: int, q: float, level: float) -> tuple[int, int]:
    """l and u, from 0 for no lower end to n + 1 for no upper one."""
    from scipy import stats

    chance = stats.binom.pmf(np.arange(n + 1), n, q)
    low = high = int(np.argmax(chance))
    covered = chance[low]
    while covered < level and (low > 0 or high < n):
        if high == n or (low > 0 and chance[low - 1] >= chance[high + 1]):
            low -= 1
            covered += chance[low]
        else:
            high += 1
            covered += chance[high]
    return low, high + 1
