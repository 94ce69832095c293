"""Goodput of a service: answers that came in time, and whether it stays low after what lowered it has ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simcluster.engine import Trace

Array = NDArray[np.float64]


def goodput(
    trace: Trace, bin_s: float, deadline_s: float = math.inf, end_s: float | None = None
) -> tuple[Array, Array]:
    """When each bin of ``bin_s`` begins, (b,), and how many answers per second came in it within ``deadline_s``, (b,).

    An answer counts when it comes, and is in time when its sojourn is at most the deadline. The last whole bin is the
    last before ``end_s``, or before the last record of a query. Raises ``ValueError`` for a ``bin_s`` that is not
    finite and greater than 0, an ``end_s`` that is not finite and at least 0, and a ``deadline_s`` below 0.
    """
    if not 0 < bin_s < math.inf:
        raise ValueError(f"bin_s must be finite and greater than 0, got {bin_s}")
    if not deadline_s >= 0:
        raise ValueError(f"deadline_s must be at least 0, got {deadline_s}")
    rows = list(trace.rows("query", "query_failed", "query_lost"))
    if end_s is None:
        end_s = max((row["time_s"] for row in rows), default=0.0)
    if not 0 <= end_s < math.inf:
        raise ValueError(f"end_s must be finite and at least 0, got {end_s}")
    bins = math.floor(end_s / bin_s * (1 + 1e-12))  # of 0.3 s there are three of 0.1 s, whose quotient is below 3
    in_time_s = [row["time_s"] for row in rows if row["kind"] == "query" and row["sojourn_s"] <= deadline_s]
    counts = np.bincount(np.minimum(np.array(in_time_s) // bin_s, bins).astype(np.int64), minlength=bins + 1)[:bins]
    return bin_s * np.arange(bins), counts / bin_s


@dataclass(frozen=True, slots=True)
class Metastability:
    """What goodput did after a trigger: its mean ``before_per_s``, and when it was back, ``None`` if it never was.

    ``low_s`` is how long after the end of the trigger it was low without a break, and ``failed`` whether that was long
    enough for a metastable failure.
    """

    before_per_s: float
    low_s: float
    recovered_s: float | None
    failed: bool


def metastability(
    begin_s: ArrayLike,
    goodput_per_s: ArrayLike,
    trigger_s: Sequence[float],
    share: float = 0.5,
    for_s: float = 10.0,
) -> Metastability:
    """Whether a trigger left a metastable failure: goodput stays low though the trigger has ended.

    ``begin_s`` and ``goodput_per_s`` (b,) are bins of equal length, as ``goodput`` gives them; ``trigger_s`` is when
    the trigger began and ended. Low is less than ``share`` of the mean before the trigger, and a failure is a goodput
    that is low from the first bin after the trigger on for at least ``for_s``. Source: N. Bronson, A. Aghayev, A.
    Charapko & T. Zhu, "Metastable failures in distributed systems", HotOS 2021: it is the sustaining effect, not the
    trigger, that keeps the system down.

    Raises ``ValueError`` where there was no goodput before the trigger, or less than ``for_s`` is known after it, and
    for a ``for_s`` that is not finite and greater than 0: for no time at all any goodput is low.
    """
    begins, rates = np.asarray(begin_s, dtype=np.float64), np.asarray(goodput_per_s, dtype=np.float64)
    from_s, to_s = trigger_s
    if not from_s <= to_s:
        raise ValueError(f"trigger_s must be when it began and when it ended, got {trigger_s}")
    if not 0 < share <= 1:
        raise ValueError(f"share must be within (0, 1], got {share}")
    if not 0 < for_s < math.inf:
        raise ValueError(f"for_s must be finite and greater than 0, got {for_s}")
    if len(begins) < 2 or begins.shape != rates.shape:
        raise ValueError(f"begin_s and goodput_per_s must be of equally many bins, 2 or more, got {begins.shape}")
    bin_s = float(begins[1] - begins[0])
    before = rates[begins + bin_s <= from_s * (1 + 1e-12)]
    after_at = np.flatnonzero(begins >= to_s * (1 - 1e-12))
    if not len(before) or not before.any():
        raise ValueError(f"there must be goodput before the trigger at {from_s} s, got {before}")
    watched_s = bin_s * len(after_at)
    if watched_s < for_s * (1 - 1e-12):
        raise ValueError(f"goodput must be known for {for_s} s after the trigger, got {watched_s} s")
    before_per_s = float(before.mean())
    back = np.flatnonzero(rates[after_at] >= share * before_per_s)
    low_s = bin_s * int(back[0]) if len(back) else watched_s
    recovered_s = float(begins[after_at[back[0]]]) if len(back) else None
    return Metastability(before_per_s, low_s, recovered_s, low_s >= for_s * (1 - 1e-12))
