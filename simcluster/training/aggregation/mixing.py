"""Nearest-neighbour mixing before another rule (Allouah et al., "Fixing by mixing", AISTATS 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Open, Spec
from simcluster.kernels import mean_vector
from simcluster.learning import Array, Call
from simcluster.training.aggregation.bulyan import Bulyan
from simcluster.training.aggregation.centred_clipping import CentredClipping
from simcluster.training.aggregation.coordinate_median import coordinate_median
from simcluster.training.aggregation.geometric_median import GeometricMedian
from simcluster.training.aggregation.krum import Krum
from simcluster.training.aggregation.majority_vote import majority_vote
from simcluster.training.aggregation.of_rows import distances, enough, lacks, of_a_row, scaling, sorting
from simcluster.training.aggregation.remembering import aggregated
from simcluster.training.aggregation.total import total
from simcluster.training.aggregation.trimmed_mean import TrimmedMean
from simcluster.training.protocols import Aggregation

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob

RULES = (TrimmedMean, GeometricMedian, Krum, Bulyan, CentredClipping)
FUNCTIONS: dict[str, Any] = {
    "total": total, "coordinate_median": coordinate_median, "majority_vote": majority_vote,
}  # fmt: skip
Mixed = Annotated[Aggregation, Open(Aggregation, *RULES, **FUNCTIONS)]


class NearestNeighbourMixing(Spec):
    """Each worker's word is replaced by the mean of the n − f that are nearest to it, itself among them; then a rule.

    Of n workers, f of them liars, which must be fewer than half. What is mixed is what workers' rows say in the mean,
    of equally near ones the first workers'; from one who sends NaN, or a number whose square is none, all others are
    infinitely far. The paper shows that any rule then stands a heterogeneity of data as well as any can.
    """

    kind: Literal["nearest_neighbour_mixing"] = "nearest_neighbour_mixing"
    liars: Annotated[int, Field(ge=0), NUMBER] = 1
    """f: how many workers may lie."""
    then: Mixed = coordinate_median
    """What is made of the mixed words: another rule, or one's own."""

    def __call__(self, values: Array, rows: Array) -> Call[Array]:
        """The total (p,), of a first step where the rule remembers."""
        found = self.after(values, rows, np.empty(0))
        return Call(lambda: found()[0], found.cost)

    def after(self, values: Array, rows: Array, memory: Array) -> Call[tuple[Array, Array]]:
        """The total (p,), and what the rule remembers."""
        vectors, counts = of_a_row(values, rows)
        enough(vectors, *self._needs)
        measured, kept = distances(vectors), len(vectors) - self.liars
        nearest = np.sort(np.argsort(measured(), axis=1, kind="stable")[:, :kept], axis=1)
        mixed = np.array([mean_vector(vectors[each]) for each in nearest]).reshape(vectors.shape)
        ruled = aggregated(self.then, mixed * counts[:, None], counts, memory)
        means = len(vectors) * mean_vector.cost(vectors[:kept])
        beside = sorting(len(vectors), len(vectors)) + scaling(vectors)
        return Call(ruled.function, measured.cost + means + beside + ruled.cost)

    def refuses(self, job: TrainingJob) -> str | None:
        """Too many liars, for itself or for the rule."""
        reason = lacks(job, *self._needs)
        if reason is not None or not hasattr(self.then, "refuses"):
            return reason
        then: Any = self.then
        return then.refuses(job)  # type: ignore[no-any-return]

    @property
    def _needs(self) -> tuple[int, str]:
        return 2 * self.liars + 1, f"nearest_neighbour_mixing needs more than 2·liars = {2 * self.liars} contributions"
