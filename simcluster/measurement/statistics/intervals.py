"""Intervals of a mean: by Student's t, on the log scale for what is never negative, and by the bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simcluster.engine import check_whole, stream

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the confidence interval around it, in the unit of what was measured.

    One value alone says nothing about the spread: its interval is all of (−∞, ∞).
    """

    estimate: float
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        """Three figures of each, for example "1.23 [1.1, 1.36]"."""
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean with Student's t interval, x̄ ± t(n − 1, (1 + level)/2)·s/√n; ``values`` (n,).

    Raises ``ValueError`` for no values, values that are not finite, or a level outside (0, 1).
    """
    from scipy import stats

    sample = checked_sample(values, level)
    mean = float(np.mean(sample))
    if sample.size == 1:
        return Interval(mean, -math.inf, math.inf)
    error = float(np.std(sample, ddof=1)) / math.sqrt(sample.size)
    reach = float(stats.t.ppf((1 + level) / 2, sample.size - 1)) * error
    return Interval(mean, mean - reach, mean + reach)


def positive_mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean of what is never negative (times, sizes, shares), with an interval that is not either; ``values`` (n,).

    Student's interval on the log scale, x̄·exp(±t(n − 1, (1 + level)/2)·s/(x̄·√n)): the standard error of log x̄ is
    s/(x̄·√n) (delta method). Close values have the interval of ``mean_interval``; a few long ones, as times have, a
    longer way up than down. Of five values that are exponential, it covers the mean 92 times in 100, for 87 by
    ``mean_interval`` and fewer than 80 by the bootstrap (BCa). One value alone has the interval [0, ∞).

    Raises ``ValueError`` as ``mean_interval``, and for a negative value.
    """
    sample = checked_sample(values, level)
    if np.any(sample < 0):
        raise ValueError(f"values must be at least 0, got {sample}")
    mean = float(np.mean(sample))
    if sample.size == 1:
        return Interval(mean, 0.0, math.inf)
    if mean == 0:
        return Interval(0.0, 0.0, 0.0)
    with np.errstate(over="ignore"):
        factor = float(np.exp((mean_interval(sample, level).high - mean) / mean))
    return Interval(mean, mean / factor, mean * factor)


def interval_for(samples: ArrayLike) -> Callable[..., Interval]:
    """``positive_mean_interval`` where none of ``samples`` is negative, else ``mean_interval``; NaN does not count."""
    return mean_interval if np.any(np.asarray(samples, dtype=np.float64) < 0) else positive_mean_interval


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[..., object] = np.median,
    level: float = 0.95,
    seed: int = 0,
    *,
    method: Literal["percentile", "BCa"] = "percentile",
    resamples: int = 9999,
) -> Interval:
    """A statistic with its bootstrap interval, for what has no formula, as a trimmed mean; ``values`` (n,).

    ``statistic`` takes an array and ``axis``, as NumPy's do. "percentile" has the quantiles of the statistic over
    ``resamples`` drawn with replacement; "BCa" corrects them for bias and skewness, which a smooth statistic of skewed
    values needs, and a median does not stand. For a mean, ``bootstrap_mean_interval`` is more accurate than both.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 14.

    Raises ``ValueError`` as ``mean_interval``, and where "BCa" has no acceleration, for the statistic of all values
    but one is always the same.
    """
    from scipy import stats

    sample = checked_sample(values, level)
    check_whole("resamples", resamples, 1)
    if method not in ("percentile", "BCa"):
        raise ValueError(f'method must be "percentile" or "BCa", got {method!r}')
    estimate = float(np.asarray(statistic(sample, axis=-1)))
    if sample.size == 1:
        return Interval(estimate, -math.inf, math.inf)
    if np.all(sample == sample[0]):
        return Interval(estimate, estimate, estimate)
    if method == "BCa":
        without = np.array([statistic(np.delete(sample, place), axis=-1) for place in range(sample.size)])
        if np.all(without == without[0]):
            raise ValueError(
                f'with method "BCa" the statistic must differ when a value is left out, got {without[0]:g} each time: '
                'take "percentile"'
            )
    interval = stats.bootstrap(
        (sample,),
        statistic,
        confidence_level=level,
        n_resamples=resamples,
        method=method,
        rng=stream(seed, "bootstrap"),
    ).confidence_interval
    return Interval(estimate, float(interval.low), float(interval.high))


def bootstrap_mean_interval(
    values: ArrayLike, level: float = 0.95, seed: int = 0, *, resamples: int = 9999
) -> Interval:
    """The mean with its bootstrap-t interval, for skewed values without an assumed shape; ``values`` (n,).

    x̄ − q·s/√n, where q are the quantiles, (1 + level)/2 for the low end and (1 − level)/2 for the high one, of
    t* = (x̄* − x̄)/(s*/√n) over ``resamples`` drawn with replacement. It allows for the skewness that Student's t
    ignores, and so covers a skewed mean more nearly as often as it says; with fewer than about 10 values it is wild.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 12.5.

    Raises ``ValueError`` as ``mean_interval``. A resample of one value many times has no spread: where such are more
    than the level leaves out, the interval is infinite.
    """
    sample = checked_sample(values, level)
    check_whole("resamples", resamples, 1)
    mean, n = float(np.mean(sample)), sample.size
    if n == 1:
        return Interval(mean, -math.inf, math.inf)
    if np.all(sample == sample[0]):
        return Interval(mean, mean, mean)
    drawn = sample[stream(seed, "bootstrap").integers(0, n, (resamples, n))]
    away, errors = np.mean(drawn, axis=1) - mean, np.std(drawn, axis=1, ddof=1) / math.sqrt(n)
    same = np.all(drawn == drawn[:, :1], axis=1) | (errors == 0)
    with np.errstate(over="ignore"):
        t = np.where(same, np.copysign(math.inf, away), away / np.where(same, 1.0, errors))
    error = float(np.std(sample, ddof=1)) / math.sqrt(n)
    least, most = np.quantile(t, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(mean, mean - float(most) * error, mean - float(least) * error)


def check_level(level: float) -> None:
    """Raise ``ValueError`` unless ``level`` is one of confidence."""
    if not 0 < level < 1:
        raise ValueError(f"level must be within (0, 1), got {level}")


def checked_sample(values: ArrayLike, level: float = 0.95) -> Array:
    """One row of finite numbers, or a ``ValueError`` that says what is wrong.

    A run that never reached what it is measured by has no value (NaN) or an infinite one; to leave it out unsaid would
    make the slowest strategy look fast.
    """
    sample = np.asarray(values, dtype=np.float64)
    check_level(level)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"values must be one row of at least 1 number, got shape {sample.shape}")
    wrong = sample[~np.isfinite(sample)]
    if wrong.size:
        raise ValueError(
            f"values must be finite, got {wrong[0]} ({wrong.size} of {sample.size} are not): what never happened has "
            "no value. Give it a longer horizon, take a quantile with infinity for never, or leave it out and say so"
        )
    return sample
