"""Mini-batch k-means, whose centres remember how many rows they have seen (Sculley, WWW 2010)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels import Call
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.kmeans import Centres, KMeans, inertia, sums_and_counts
from simcluster.learning.protocols import Array


class MiniBatchKMeans(Centres):
    """Sculley's rule: a centre is the mean of all rows that have ever been nearest to it. Parameters are (k, d + 1).

    Their last column is v, how many rows each centre has seen. The job's ``batch_size`` says how many rows of its
    shard each worker takes a step. Sculley moves a centre by c ← (1 − 1/v) c + x/v for one row of the batch after
    another, having found the nearest centre of each before; whatever their order that is c ← (v c + Σ x) / (v + n),
    which adds up over workers. The version that moves a centre to the mean of its batch alone forgets, and does not
    settle. The exchange carries 8k (d + 1) bytes each way. Meant for steps that close as a whole: where contributions
    count one by one, what a worker said last counts again with every other's.
    """

    kind: Literal["mini_batch_kmeans"] = "mini_batch_kmeans"

    parameter_axes: ClassVar[tuple[str, ...]] = ("k", "d + 1")

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Centres by ``initialisation``, which have seen no rows: the first that come replace them."""
        return np.column_stack([self._begin(data, generator), np.zeros(self.clusters)])

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """For each cluster the sum of the rows that are nearest to its centre, and last their number, (k, d + 1)."""
        return sums_and_counts(_centres(parameters), rows)

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """c ← (v c + Σ x) / (v + n), v ← v + n; an empty cluster stays where it was."""
        seen, fresh = parameters[:, -1:], total[:, -1:]
        count = np.where(fresh > 0, seen + fresh, 1.0)
        moved = (seen * parameters[:, :-1] + total[:, :-1]) / count
        return np.column_stack([np.where(fresh > 0, moved, parameters[:, :-1]), seen + fresh])

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean squared distance to the nearest centre (inertia / n)."""
        return inertia(_centres(parameters), rows)

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64]:
        """The nearest centre of each of ``features`` (n, d): labels (n,)."""
        return KMeans(clusters=self.clusters).predict(_centres(parameters), features)


def _centres(parameters: Array) -> Array:
    return np.ascontiguousarray(parameters[:, :-1])
