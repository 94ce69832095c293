"""k-means by Lloyd's algorithm, whose step is a sum over the rows (Lloyd, IEEE Trans. Inf. Theory, 1982)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import Count, Spec
from simcluster.kernels import Call, nearest_centre
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.protocols import Array

_GREATEST = 1e150  # whose square is finite, in sums too


class KMeans(Spec):
    """Lloyd's algorithm. Centres are (k, d); of mini-batches it is the online form (Sculley, WWW 2010)."""

    kind: Literal["kmeans"] = "kmeans"
    clusters: Count = 10
    """How many centres there are; they begin at distinct rows, drawn at random."""

    predicts: ClassVar[str] = "clusters"

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Centres at distinct rows drawn at random."""
        if self.clusters > len(data):
            raise ValueError(f"clusters must be at most the {len(data)} rows, got {self.clusters}")
        rows = generator.choice(len(data), self.clusters, replace=False)
        return np.array(data.features[np.sort(rows)])

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """For each cluster the sum of the rows that are nearest to its centre, and last their number, (k, d + 1)."""
        call = nearest_centre.call(rows.features, parameters)

        def sums_and_counts() -> Array:
            if not _finite(parameters):  # a liar's, say: no row has a nearest centre
                return np.full((len(parameters), parameters.shape[1] + 1), np.nan)
            _, sums, counts, _ = call()
            return np.column_stack([sums, counts])

        return Call(sums_and_counts, call.cost)

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """μ = Σ sums / Σ counts; an empty cluster stays where it was."""
        counts = total[:, -1:]
        filled = counts > 0
        return np.where(filled, total[:, :-1] / np.where(filled, counts, 1.0), parameters)

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean squared distance to the nearest centre (inertia / n)."""
        call = nearest_centre.call(rows.features, parameters)
        return Call(lambda: float(call()[3]) / len(rows) if _finite(parameters) else math.nan, call.cost)

    def labels(self, parameters: Array, rows: Rows) -> NDArray[np.int64]:
        """The nearest centre of each row."""
        return self.predict(parameters, rows.features)

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64]:
        """The nearest centre of the rows with these features."""
        return nearest_centre(np.ascontiguousarray(features), parameters)[0]


def _finite(centres: Array) -> bool:
    """Whether the squared distances to the centres are numbers: centres that are not, or as large, say nothing."""
    return bool(np.all(np.abs(centres) < _GREATEST))
