"""Statistics: intervals over seeds, and when one strategy may be called better than another.

Runs under one seed meet the same cluster, data and faults (common random numbers), so two strategies are
compared by the differences within each seed, whose interval is narrower than that of two separate means
(Law, Simulation Modeling and Analysis, 5th ed., sections 10.2 and 11.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from simcluster.engine import stream

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


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Which strategy did best, and whether the seeds suffice to say so; printed, it is a sentence.

    ``best`` and ``runner_up`` have the two best means; ``difference`` is the paired interval of best minus
    runner-up. ``clear`` says that the best differs from *every* other strategy, at ``level`` for all of them together.
    """

    best: str
    best_mean: Interval
    runner_up: str
    runner_up_mean: Interval
    difference: Interval
    clear: bool
    level: float

    def __repr__(self) -> str:
        """The comparison in a sentence, which is also what a session prints."""
        said = f"{self.best} is clearly best" if self.clear else f"There is no clear winner: {self.best} leads"
        return (
            f"{said} with {self.best_mean}, before {self.runner_up} with {self.runner_up_mean}; the difference, paired "
            f"by seed, is {self.difference} ({100 * self.level:g} % intervals)."
        )

    @property
    def winner(self) -> str | None:
        """The best strategy if that is clear, else ``None``."""
        return self.best if self.clear else None


def mean_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """The mean with Student's t interval, x̄ ± t(n − 1, (1 + level)/2)·s/√n; ``values`` (n,).

    Raises ``ValueError`` for no values, values that are not finite, or a level outside (0, 1).
    """
    sample = _sample(values, level)
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
    longer way up than down. Of five values that are exponential, it covers the mean 93 times in 100, for 88 by
    ``mean_interval`` and fewer than 80 by the bootstrap (BCa). One value alone has the interval [0, ∞).

    Raises ``ValueError`` as ``mean_interval``, and for a negative value.
    """
    sample = _sample(values, level)
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


def paired_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """The mean of a − b with its interval, where a[i] and b[i] were measured under the same seed; both (n,)."""
    first, second = _sample(a, level), _sample(b, level)
    if first.size != second.size:
        raise ValueError(f"pairs must have equal numbers of values, got {first.size} and {second.size}")
    return mean_interval(first - second, level)


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[..., object] = np.median,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A statistic with its percentile bootstrap interval, for medians and percentiles; ``values`` (n,).

    ``statistic`` takes an array and ``axis``, as NumPy's do. Source: Efron and Tibshirani, An Introduction to
    the Bootstrap, chapter 13.
    """
    sample = _sample(values, level)
    estimate = float(np.asarray(statistic(sample, axis=-1)))
    if sample.size == 1:
        return Interval(estimate, -math.inf, math.inf)
    interval = stats.bootstrap(
        (sample,),
        statistic,
        confidence_level=level,
        method="percentile",
        rng=stream(seed, "bootstrap"),
    ).confidence_interval
    return Interval(estimate, float(interval.low), float(interval.high))


def verdict(
    values: Mapping[str, ArrayLike], *, lower_is_better: bool = True, level: float = 0.95
) -> Comparison:
    """Which strategy has the best mean, and whether it is clearly better; each value an array (n,), one per seed.

    The means have the intervals of ``interval_for`` all values. It is clear when the paired interval against each of
    the k − 1 others excludes 0, each at the level 1 − (1 − level)/(k − 1), so that all hold together at ``level``
    (Bonferroni). Raises ``ValueError`` for fewer than two strategies.
    """
    if len(values) < 2:
        raise ValueError(f"a comparison needs at least 2 strategies, got {list(values)}")
    samples = {name: _sample(sample, level) for name, sample in values.items()}
    sign = 1 if lower_is_better else -1
    best, *others = sorted(samples, key=lambda name: sign * float(np.mean(samples[name])))
    each = 1 - (1 - level) / len(others)
    differences = {
        name: paired_difference(samples[best], samples[name], each) for name in others
    }
    interval = interval_for(np.concatenate(list(samples.values())))
    return Comparison(
        best=best,
        best_mean=interval(samples[best], level),
        runner_up=others[0],
        runner_up_mean=interval(samples[others[0]], level),
        difference=differences[others[0]],
        clear=all(0 not in difference for difference in differences.values()),
        level=level,
    )


def _sample(values: ArrayLike, level: float) -> Array:
    sample = np.asarray(values, dtype=np.float64)
    if not 0 < level < 1:
        raise ValueError(f"level must be within (0, 1), got {level}")
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"values must be one row of at least 1 number, got shape {sample.shape}")
    if not np.all(np.isfinite(sample)):
        raise ValueError(f"values must be finite, got {sample}")
    return sample
