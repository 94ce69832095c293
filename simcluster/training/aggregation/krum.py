"""Krum and multi-Krum (Blanchard, El Mhamdi, Guerraoui & Stainer, NIPS 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Count, Spec
from simcluster.kernels import mean_vector
from simcluster.learning import Array, Call
from simcluster.training.aggregation.of_rows import distances, enough, lacks, of_rows, sorting

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class Krum(Spec):
    """What the worker says who is nearest to others, times all rows; of several such workers the mean (multi-Krum).

    Of n workers, f of them liars, each one's score is the sum of its squared distances to the n − f − 2 that are
    nearest to it; the lowest scores are chosen, of equals the first worker's. It needs 2f + 2 < n, and of more than
    n − f − 2 chosen some might be liars. Each worker counts alike, however many rows it has; to one who sends NaN, or
    a number whose square is none, all distances are infinite.
    """

    kind: Literal["krum"] = "krum"
    liars: Annotated[int, Field(ge=0), NUMBER] = 1
    """f: how many workers may lie."""
    chosen: Count = 1
    """How many workers are chosen, whose mean it is: 1 is Krum, more are multi-Krum."""

    def __call__(self, values: Array, rows: Array) -> Call[Array]:
        """The total (p,)."""
        return of_rows(self._chosen, values, rows)

    def _chosen(self, vectors: Array, rows: Array) -> Call[Array]:
        enough(vectors, *self._needs)
        between, count = distances(vectors), len(vectors)

        def mean() -> Array:
            first = np.argsort(scores(between(), self.liars), kind="stable")[: self.chosen]
            return mean_vector(vectors[np.sort(first)])

        return Call(mean, between.cost + sorting(count, count) + mean_vector.cost(vectors[: self.chosen]))

    def refuses(self, job: TrainingJob) -> str | None:
        """Too many liars, or too many chosen."""
        return lacks(job, *self._needs)

    @property
    def _needs(self) -> tuple[int, str]:
        least = max(2 * self.liars + 3, self.chosen + self.liars + 2)
        which = f"2·liars + 2 = {2 * self.liars + 2} contributions"
        if self.chosen > self.liars + 1:
            which = f"chosen + liars + 1 = {self.chosen + self.liars + 1} contributions"
        return least, f"krum needs more than {which}"


def scores(between: Array, liars: int) -> Array:
    """Each worker's sum of squared distances to the n − f − 2 others that are nearest, of all those (n, n): (n,)."""
    others = between + np.diag(np.full(len(between), np.inf))
    return np.asarray(np.sort(others, axis=1)[:, : max(0, len(between) - liars - 2)].sum(axis=1))
