"""Bulyan (El Mhamdi, Guerraoui & Rouault, "The hidden vulnerability of distributed learning", ICML 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.kernels import mean_vector
from simcluster.learning import Array, Call, Cost
from simcluster.training.aggregation.krum import scores
from simcluster.training.aggregation.of_rows import distances, enough, lacks, nan_last, of_rows, sorting

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class Bulyan(Spec):
    """Of those that Krum chooses one after the other, the mean of the numbers around the median, times all rows.

    Of n workers, f of them liars, Krum chooses θ = n − 2f − 2, each time among those that are left, of whom 2f + 3 are
    there at the last, as it needs; of every coordinate the θ − 2f numbers that are nearest to the median of the chosen
    are taken, of equals the lower. It needs n ≥ 4f + 3. Each worker counts alike, however many rows it has; NaN counts
    as infinity.
    """

    kind: Literal["bulyan"] = "bulyan"
    liars: Annotated[int, Field(ge=0), NUMBER] = 1
    """f: how many workers may lie."""

    def __call__(self, values: Array, rows: Array) -> Call[Array]:
        """The total (p,)."""
        return of_rows(self._around_the_median, values, rows)

    def _around_the_median(self, vectors: Array, rows: Array) -> Call[Array]:
        enough(vectors, *self._needs)
        between = distances(vectors)
        (count, width), kept = vectors.shape, len(vectors) - 2 * self.liars - 2

        def mean() -> Array:
            ordered = np.sort(nan_last(vectors[self._selected(between(), kept)]), axis=0)
            with np.errstate(invalid="ignore"):  # of infinities, where liars are more than they may be
                middle = (ordered[(kept - 1) // 2] + ordered[kept // 2]) / 2
                nearest = np.argsort(np.abs(ordered - middle), axis=0, kind="stable")[: kept - 2 * self.liars]
            return mean_vector(np.take_along_axis(ordered, np.sort(nearest, axis=0), axis=0))

        again = kept * sorting(count, count)
        inner = 2 * sorting(kept, width) + Cost(flops=2.0 * kept * width, bytes=8.0 * (2 * kept + 1) * width)
        return Call(mean, between.cost + again + inner)

    def _selected(self, between: Array, kept: int) -> list[int]:
        """Who is chosen, in the order of workers."""
        left = list(range(len(between)))
        chosen = []
        for _ in range(kept):
            place = int(np.argmin(scores(between[np.ix_(left, left)], self.liars)))
            chosen.append(left.pop(place))
        return sorted(chosen)

    def refuses(self, job: TrainingJob) -> str | None:
        """Too many liars."""
        return lacks(job, *self._needs)

    @property
    def _needs(self) -> tuple[int, str]:
        least = 4 * self.liars + 3
        return least, f"bulyan needs at least 4·liars + 3 = {least} contributions"
