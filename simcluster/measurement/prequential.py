"""Prequential evaluation: each row is first predicted and then learned from, so that all of them are test rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simcluster.engine import check_whole


def prequential(
    totals: ArrayLike, rows: ArrayLike, *, window: int | None = None, fading: float = 1.0
) -> NDArray[np.float64]:
    """The mean score of the rows so far, after each batch (b,): a learner's accuracy, where a row that is right has 1.

    ``totals`` (b,) are the sums of the scores of batches that have so many ``rows`` (b,) each, in the order in which
    they were tested. With a ``window`` it is the mean of the newest so many rows, all where there are fewer. With
    ``fading`` α, S ← αⁿ·S + total and N ← αⁿ·N + n for each batch of n rows, and it is S/N. In both the rows of a
    batch, which one and the same model was tested by, count alike: of a batch of which the window holds some rows, each
    of these counts the batch's mean. For batches of one row these are the sliding window and the fading factor of Gama,
    Sebastião & Rodrigues, "On evaluating stream learning algorithms", Machine Learning, 2013, who show that the mean
    over all rows hides for long that something has changed.

    Raises ``ValueError`` for batches without rows, for a ``fading`` that is not within (0, 1], and for both at once.
    """
    sums, counts = np.asarray(totals, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    if sums.ndim != 1 or sums.shape != counts.shape:
        raise ValueError(f"totals and rows must have one and the same length, got {sums.shape} and {counts.shape}")
    if not (counts >= 1).all():
        raise ValueError(f"rows must be at least 1 in each batch, got {counts.min()}")
    if not 0 < fading <= 1:
        raise ValueError(f"fading must be within (0, 1], got {fading}")
    if window is not None and fading != 1.0:
        raise ValueError(f"fading must be 1 with a window, got {fading} with {window}")
    if window is not None:
        check_whole("window", window, 1)
        return _windowed(sums, counts, window)
    faded, found = np.zeros(2), []
    for total, count in zip(sums, counts, strict=True):
        faded = fading**count * faded + (total, count)
        found.append(faded[0] / faded[1])
    return np.asarray(found, dtype=np.float64)


def _windowed(sums: NDArray[np.float64], counts: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Means of slices, each summed by itself: a difference of running sums would keep the rounding of what has left."""
    ends, first, found = np.cumsum(counts), 0, np.empty(len(sums))
    for last in range(len(sums)):
        while ends[last] - ends[first] >= window and first < last:  # none of its rows is among the newest
            first += 1
        whole = slice(first + 1, last + 1)
        kept = min(counts[first], window - counts[whole].sum())
        found[last] = (sums[first] * (kept / counts[first]) + sums[whole].sum()) / (kept + counts[whole].sum())
    return found
