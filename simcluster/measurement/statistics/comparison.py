"""Comparison of strategies by the differences within each seed, and what common random numbers bought."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simcluster.measurement.statistics.intervals import Array, Interval, checked_sample, interval_for, mean_interval


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


@dataclass(frozen=True, slots=True, repr=False)
class VarianceReduction:
    """What common random numbers bought a difference of two strategies; printed, it is a sentence.

    ``factor`` is (s²(a) + s²(b))/s²(a − b): how many times as many runs an interval as narrow would have taken under
    seeds of their own. Below 1 the seeds do harm. ``correlation`` is that of a and b over the seeds, NaN where one of
    them does not vary. ``paired`` is the interval of a − b; ``unpaired`` is Welch's, of the same values as if their
    seeds had been different, for comparison only.
    """

    factor: float
    correlation: float
    paired: Interval
    unpaired: Interval

    def __repr__(self) -> str:
        """The reduction in a sentence, which is also what a session prints."""
        return (
            f"The difference is {self.paired}, paired by seed, and would be {self.unpaired} under seeds of their own, "
            f"which would take {self.factor:.3g} times as many runs for the same precision "
            f"(correlation {self.correlation:.2f})."
        )


def paired_difference(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> Interval:
    """The mean of a − b with its interval, where a[i] and b[i] were measured under the same seed; both (n,)."""
    first, second = _pairs(a, b, level)
    return mean_interval(first - second, level)


def variance_reduction(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> VarianceReduction:
    """What it bought that a[i] and b[i] were measured under the same seed; both (n,), at least 3 values.

    The factor is a ratio of variances and as uncertain as they are: of ten seeds it says whether common random numbers
    help, and of a hundred how much. Source: Law, Simulation Modeling and Analysis, 5th ed., 2015, section 11.2.

    Raises ``ValueError`` as ``paired_difference``, and for fewer than 3 pairs.
    """
    first, second = _pairs(a, b, level)
    if first.size < 3:
        raise ValueError(f"a reduction of variance needs at least 3 pairs, got {first.size}")
    apart, together = float(np.var(first, ddof=1) + np.var(second, ddof=1)), float(np.var(first - second, ddof=1))
    certain = math.inf if apart > 0 else 1.0
    varies = not (np.all(first == first[0]) or np.all(second == second[0]))
    return VarianceReduction(
        factor=apart / together if together > 0 else certain,
        correlation=float(np.corrcoef(first, second)[0, 1]) if varies else math.nan,
        paired=mean_interval(first - second, level),
        unpaired=_welch(first, second, level),
    )


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
    samples = {name: checked_sample(sample, level) for name, sample in values.items()}
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


def _pairs(a: ArrayLike, b: ArrayLike, level: float) -> tuple[Array, Array]:
    first, second = checked_sample(a, level), checked_sample(b, level)
    if first.size != second.size:
        raise ValueError(f"pairs must have equal numbers of values, got {first.size} and {second.size}")
    return first, second


def _welch(first: Array, second: Array, level: float) -> Interval:
    """Welch's interval of the difference of two independent means, with Satterthwaite's degrees of freedom."""
    from scipy import stats

    difference, n = float(np.mean(first) - np.mean(second)), first.size
    of_first, of_second = float(np.var(first, ddof=1)) / n, float(np.var(second, ddof=1)) / n
    squared = of_first + of_second
    if squared == 0:
        return Interval(difference, difference, difference)
    freedom = (n - 1) / ((of_first / squared) ** 2 + (of_second / squared) ** 2)
    reach = float(stats.t.ppf((1 + level) / 2, freedom)) * math.sqrt(squared)
    return Interval(difference, difference - reach, difference + reach)
