"""The mean of every coordinate without its extremes (Yin, Chen, Ramchandran & Bartlett, ICML 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.kernels import trimmed_mean
from simcluster.learning import Array, Call
from simcluster.training.aggregation.of_rows import enough, lacks, nan_last, of_rows

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class TrimmedMean(Spec):
    """Of every coordinate the mean without the b least and the b greatest, times all rows.

    Each worker counts alike, however many rows it has; with b = 0 and equal batches it is ``total``. It stands b liars,
    who must be fewer than half. NaN counts as infinity.
    """

    kind: Literal["trimmed_mean"] = "trimmed_mean"
    trim: Annotated[int, Field(ge=0), NUMBER] = 1
    """b: how many of the least, and of the greatest, are left out."""

    def __call__(self, values: Array, rows: Array) -> Call[Array]:
        """The total (p,)."""
        return of_rows(self._trimmed, values, rows)

    def _trimmed(self, vectors: Array, rows: Array) -> Call[Array]:
        enough(vectors, *self._needs)
        return trimmed_mean.call(nan_last(vectors), self.trim)

    def refuses(self, job: TrainingJob) -> str | None:
        """Something must be left."""
        return lacks(job, *self._needs)

    @property
    def _needs(self) -> tuple[int, str]:
        return 2 * self.trim + 1, f"trimmed_mean needs more than 2·trim = {2 * self.trim} contributions"
