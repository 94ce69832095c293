"""The median of every coordinate (Yin, Chen, Ramchandran & Bartlett, ICML 2018)."""

from __future__ import annotations

from simcluster.kernels import coordinate_median as kernel
from simcluster.learning import Array, Call
from simcluster.training.aggregation.of_rows import nan_last, of_rows


def coordinate_median(values: Array, rows: Array) -> Call[Array]:
    """Of every coordinate the median of what workers' rows say in the mean, times all rows; NaN counts as infinity.

    Fewer than half of the workers, whatever they say, move it no further than the others' numbers reach.
    """
    return of_rows(lambda means, _: kernel.call(nan_last(means)), values, rows)
