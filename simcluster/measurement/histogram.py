"""A histogram of times whose percentiles have a bounded relative error, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simcluster.measurement.statistics import Interval, positive_mean_interval

_LEAST_S, _MOST_S = 1e-9, 1e9  # a nanosecond to thirty years


class TimeHistogram:
    """Counts of times in seconds, in buckets that widen by a constant factor γ = (1 + α)/(1 − α).

    A percentile is off by a share of at most α = ``relative_error``, whatever the times are, from a nanosecond to
    10⁹ s; shorter ones count as 0, longer ones as 10⁹ s. Two of the same α are merged by adding their counts, which
    is exact: the percentiles of the whole are those of what was merged, not a mean of percentiles. Source: C. Masson,
    J. Rim & H. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", PVLDB
    12(12), 2019; the idea is that of HdrHistogram.

    Raises ``ValueError`` unless α is in (0, 1).
    """

    def __init__(self, times_s: ArrayLike = (), relative_error: float = 0.01) -> None:
        if not 0 < relative_error < 1:
            raise ValueError(f"relative_error must be within (0, 1), got {relative_error}")
        self.relative_error = relative_error
        self._log_gamma = math.log1p(relative_error) - math.log1p(-relative_error)
        self._first = math.ceil(math.log(_LEAST_S) / self._log_gamma)
        buckets = math.ceil(math.log(_MOST_S) / self._log_gamma) - self._first + 2  # and one for 0
        self._counts = np.zeros(buckets, dtype=np.int64)
        self.add(times_s)

    def __len__(self) -> int:
        return int(self._counts.sum())

    def add(self, times_s: ArrayLike) -> None:
        """Count times (n,). Raises ``ValueError`` for one that is negative or no number."""
        times = np.atleast_1d(np.asarray(times_s, dtype=np.float64))
        if not (times >= 0).all():
            raise ValueError(f"times_s must be at least 0, got {times[~(times >= 0)][0]}")
        clipped = np.clip(times, _LEAST_S, _MOST_S)
        places = np.ceil(np.log(clipped) / self._log_gamma).astype(np.int64) - self._first + 1
        places[times < _LEAST_S] = 0
        np.add.at(self._counts, np.clip(places, 0, len(self._counts) - 1), 1)

    def percentile(self, percentile: float) -> float:
        """The time that this share of 100 does not exceed, NaN of none; as ``np.percentile`` by "inverted_cdf".

        Raises ``ValueError`` for a percentile outside [0, 100].
        """
        if not 0 <= percentile <= 100:
            raise ValueError(f"percentile must be within [0, 100], got {percentile}")
        count = len(self)
        if not count:
            return math.nan
        rank = max(1, math.ceil(percentile / 100 * count))
        place = int(np.searchsorted(np.cumsum(self._counts), rank))
        if not place:
            return 0.0
        upper_s = math.exp((place - 1 + self._first) * self._log_gamma)
        return 2 * upper_s / (1 + math.exp(self._log_gamma))  # as far below it as above the lower end, as a share

    def counts(self) -> NDArray[np.int64]:
        """How many times lie in each bucket, the shortest first; a copy."""
        return self._counts.copy()

    @classmethod
    def merged(cls, histograms: Iterable[TimeHistogram]) -> TimeHistogram:
        """One of all that was counted. Raises ``ValueError`` for none, and for different relative errors."""
        parts = list(histograms)
        errors = sorted({part.relative_error for part in parts})
        if len(errors) != 1:
            raise ValueError(f"histograms must be at least one, all of the same relative error, got {errors}")
        whole = cls(relative_error=errors[0])
        for part in parts:
            whole._counts += part._counts
        return whole


def percentile_over_seeds(runs: Sequence[TimeHistogram], percentile: float, level: float = 0.95) -> Interval:
    """A percentile of all runs together, and the interval that the runs' own percentiles give of it.

    Times of one run depend on each other, so it is runs under different seeds that say how sure the percentile is: the
    interval is that of the mean of theirs, each by itself, moved to the percentile of all. Raises ``ValueError`` for a
    run without times, and as ``TimeHistogram.merged`` does.
    """
    each = [run.percentile(percentile) for run in runs]
    whole = TimeHistogram.merged(runs).percentile(percentile)
    around = positive_mean_interval(each, level)
    factor = whole / around.estimate if around.estimate else 1.0
    return Interval(whole, around.low * factor, around.high * factor)
