"""What robust rules share: they compare what workers' rows say in the mean, and want enough workers to do so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.kernels import pairwise_squared_distances
from simcluster.learning import Array, Call, Cost
from simcluster.learning.dataset import GREATEST
from simcluster.training.protocols import Progress

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob

Rule = Callable[[Array, Array], Call[Array]]
"""What makes one vector (p,) of those of several workers (m, p), each of so many rows (m,)."""


def of_rows(rule: Rule, values: Array, rows: Array) -> Call[Array]:
    """The total that ``rule`` makes of contributions (m, p): what it says of a row, times all rows.

    So it compares likes with likes however many rows a worker has; who has none is not asked.
    """
    vectors, rows = of_a_row(values, rows)
    if not len(rows):
        return Call(lambda: np.zeros(values.shape[1]), Cost(0.0, 0.0))
    found = rule(vectors, rows)
    return Call(lambda: times(found(), rows), found.cost + scaling(vectors))


def of_a_row(values: Array, rows: Array) -> tuple[Array, Array]:
    """What workers' rows say in the mean (m, p), and how many they are (m,), of those workers that have any."""
    if not (rows > 0).all():
        values, rows = values[rows > 0], rows[rows > 0]
    return values / rows[:, None], rows


def times(vector: Array, rows: Array) -> Array:
    """What a row says, times all rows."""
    with np.errstate(over="ignore", invalid="ignore"):  # of a liar's numbers
        return np.asarray(math.fsum(rows) * vector)


def scaling(vectors: Array) -> Cost:
    """What it takes to divide contributions (m, p) by their rows, and to multiply what comes of them."""
    size, width = float(vectors.size), vectors.shape[1]
    return Cost(flops=size + width, bytes=16 * (size + width))


def nan_last(vectors: Array) -> Array:
    """The same with infinity for NaN, which is as far from all others, and is left out with the greatest."""
    return np.where(np.isnan(vectors), np.inf, vectors)


def is_far(vectors: Array) -> Any:
    """Which rows have a number that is none, infinite, or so great that its square may be, (m,)."""
    return ~(np.abs(vectors) <= GREATEST).all(axis=1)


def distances(vectors: Array) -> Call[Array]:
    """The squared distances between all rows (m, m): infinite to those that are far, and 0 to itself."""
    far = is_far(vectors)
    near = np.where(far[:, None], 0.0, vectors) if far.any() else vectors
    call = pairwise_squared_distances.call(near)

    def found() -> Array:
        between = call()
        between[far] = np.inf
        between[:, far] = np.inf
        np.fill_diagonal(between, 0.0)
        return between

    return Call(found, call.cost)


def sorting(rows: int, columns: int) -> Cost:
    """To put numbers (m, n) in order along the rows, by comparisons in pairs."""
    return Cost(flops=rows * columns * max(1.0, math.ceil(math.log2(max(2, rows)))), bytes=16.0 * rows * columns)


def enough(vectors: Array, least: int, rule: str) -> None:
    """Raise ``ValueError``, with the ``rule``, where there are fewer vectors (m, p) than that."""
    if len(vectors) < least:
        raise ValueError(f"{rule}, got {len(vectors)} contributions of any rows to a step")


def lacks(job: TrainingJob, least: int, rule: str) -> str | None:
    """Why a step may have fewer than so many contributions, or ``None``; ``rule`` says why that is too few."""
    arrive = fewest(job)
    if arrive < least:
        return f"{rule}, got {arrive} contributions to a step"
    if least > 1 and job.detector is not None and job.when_gone == "go_on":
        return f"when_gone must be stop where {rule}, got 'go_on' with a detector"
    return None


def fewest(job: TrainingJob) -> int:
    """How many contributions a step has at least, by the waiting rule, as long as nobody is gone."""
    workers, said = job.workers, getattr(job.waiting, "fewest", None)
    if said is not None:
        return int(said(len(workers)))
    following = dict.fromkeys(workers, 0)
    counts = range(1, len(workers))
    return next((k for k in counts if job.waiting.complete(Progress(workers, following, 0, workers[:k]))), len(workers))
