"""Steady state: where the warm-up of one long run ends, and the mean of what comes after it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from simcluster.engine import check_whole
from simcluster.measurement.statistics.intervals import Interval, checked_sample, mean_interval

_BATCH = 5  # values in a batch of MSER-5
_LAST = 5  # batches at the end that are no candidates: the statistic of a handful of them is small by chance


def mser5(series: ArrayLike) -> int:
    """The length of a run's warm-up by MSER-5: how many of the first values to leave out; ``series`` (n,), in order.

    Of the means z₁ … z_k of batches of 5 values, the first d are left out for which the squared standard error of what
    is left, Σ over i > d of (zᵢ − z̄(d))²/(k − d)², is least. So what is cut away costs precision and what is left of
    the warm-up costs bias, and neither is chosen by hand. Sources: White, "An effective truncation heuristic for bias
    reduction in simulation output", Simulation 69(6), 1997; batches of 5: Spratt, 1998, in White, Cobb and Spratt, "A
    comparison of five steady-state truncation heuristics for simulation", WSC 2000; that the last 5 batches are no
    candidates: Hoad, Robinson and Davies, Journal of the Operational Research Society 61, 2010.

    Raises ``ValueError`` for fewer than 50 values, and where the least is not in the first half: then the run was
    still warming up, or drifts, and must be longer.
    """
    values = checked_sample(series)
    if values.size < 10 * _BATCH:
        raise ValueError(f"a series must have at least {10 * _BATCH} values to find its warm-up, got {values.size}")
    k = values.size // _BATCH
    means = np.mean(values[: k * _BATCH].reshape(k, _BATCH), axis=1)
    means -= means[-1]  # near where it settles, so that a constant end has no spread, exactly
    left = np.arange(k, _LAST, -1)
    sums, squares = np.cumsum(means[::-1])[::-1], np.cumsum(means[::-1] ** 2)[::-1]
    spread = np.maximum(squares[: left.size] - sums[: left.size] ** 2 / left, 0.0)
    first = int(np.argmin(spread / left.astype(np.float64) ** 2))
    if first > k // 2:
        raise ValueError(
            f"a series must settle in its first half, got a warm-up of {first * _BATCH} of {values.size} values by "
            "MSER-5: the run is too short, or has no steady state"
        )
    return first * _BATCH


def batch_means_interval(series: ArrayLike, batches: int = 20, level: float = 0.95) -> Interval:
    """The steady-state mean of one long run by the method of batch means; ``series`` (n,), in order, without warm-up.

    The values of a run depend on those before, so that Student's interval of all of them is far too narrow. The means
    of ``batches`` equally long stretches are nearly independent if each is much longer than the dependence lasts, and
    have Student's interval with batches − 1 degrees of freedom. What does not fill a batch is left out at the
    beginning. 10 to 30 batches are right: more make them too short, fewer make t large. Sources: Law, Simulation
    Modeling and Analysis, 5th ed., 2015, section 9.5.3; Schmeiser, "Batch size effects in the analysis of simulation
    output", Operations Research 30(3), 1982.

    Raises ``ValueError`` for fewer than 2 batches or fewer than 2 values for each. Whether the batches are long enough
    it cannot tell; ``batch_correlation`` can.
    """
    return mean_interval(_batch_means(series, batches, level), level)


def batch_correlation(series: ArrayLike, batches: int = 20) -> float:
    """The correlation of the mean of a batch with that of the next one, from −1 to 1; ``series`` as for batch means.

    Near 0 the batches are long enough. Of 20 independent ones it is within ±0.4 in 19 of 20 runs; above that, make the
    run longer. NaN if all batches have the same mean.
    """
    check_whole("batches", batches, 3)
    means = _batch_means(series, batches, 0.95)
    if np.all(means == means[0]):
        return math.nan
    away = means - np.mean(means)
    return float(np.sum(away[1:] * away[:-1]) / np.sum(away**2))


def _batch_means(series: ArrayLike, batches: int, level: float) -> np.ndarray:
    values = checked_sample(series, level)
    check_whole("batches", batches, 2)
    size = values.size // batches
    if size < 2:
        raise ValueError(f"a series must have at least 2 values for each of {batches} batches, got {values.size}")
    return np.asarray(np.mean(values[values.size - batches * size :].reshape(batches, size), axis=1))
