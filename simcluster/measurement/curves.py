"""Curves over simulated time: values that hold from one record to the next."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def on_grid(times_s: ArrayLike, values: ArrayLike, grid_s: ArrayLike) -> Array:
    """The value that holds at each time of ``grid_s``: the last one recorded at or before it, NaN before the first.

    ``times_s`` (n,) must not fall; ``values`` (n,). Raises ``ValueError`` when they disagree or times fall.
    """
    times, known = _curve(times_s, values)
    grid = np.asarray(grid_s, dtype=np.float64)
    last = np.searchsorted(times, grid, side="right") - 1
    held = np.full(grid.shape, math.nan)
    held[last >= 0] = known[last[last >= 0]]
    return held


def first_time_at_most(times_s: ArrayLike, values: ArrayLike, target: float) -> float:
    """The first of ``times_s`` at which the value is at most ``target``, in seconds; infinity if it never is."""
    if math.isnan(target):
        raise ValueError(f"target must be a number, got {target}")
    times, known = _curve(times_s, values)
    reached = np.flatnonzero(known <= target)
    return float(times[reached[0]]) if reached.size else math.inf


def _curve(times_s: ArrayLike, values: ArrayLike) -> tuple[Array, Array]:
    times = np.asarray(times_s, dtype=np.float64)
    known = np.asarray(values, dtype=np.float64)
    if times.ndim != 1 or times.shape != known.shape:
        raise ValueError(
            f"times and values must have one and the same length, got shapes {times.shape} and {known.shape}"
        )
    if not np.all(np.diff(times) >= 0) or np.isnan(times).any():
        raise ValueError(f"times must not fall, and be numbers, got {times}")
    return times, known
