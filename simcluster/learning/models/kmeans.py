"""k-means by Lloyd's algorithm, whose step is a sum over the rows (Lloyd, IEEE Trans. Inf. Theory, 1982)."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import Count, Spec
from simcluster.kernels import Call, nearest_centre
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.initialisation import AnyInitialisation, random
from simcluster.learning.protocols import Array

_GREATEST = 1e300  # sum of squares of centres whose distances to rows have finite squares


class Centres(Spec):
    """What both forms of k-means share: where they begin, and the sums of the rows that are nearest to each centre."""

    clusters: Count = 10
    """How many centres there are."""
    initialisation: AnyInitialisation = random
    """Where they begin: at distinct rows at random, by k-means++, or by k-means‖."""

    predicts: ClassVar[str] = "clusters"

    def classes_of(self, parameters: Array) -> int:
        """None: clusters are no classes."""
        return 0

    def _begin(self, data: Dataset, generator: np.random.Generator) -> Array:
        if self.clusters > len(data):
            raise ValueError(f"clusters must be at most the {len(data)} rows, got {self.clusters}")
        data.check_squares()
        centres = np.asarray(self.initialisation(data, self.clusters, generator))
        shape = (self.clusters, data.features.shape[1])
        if centres.shape != shape or centres.dtype != np.float64 or not _finite(centres):
            raise ValueError(f"initialisation must give finite centres {shape} of float64, got {centres!r}")
        return centres


class KMeans(Centres):
    """Lloyd's algorithm: each centre moves to the mean of the rows that are nearest to it. Parameters are (k, d).

    Of equal distances the centre that comes first has the row. A centre that no row is nearest to stays where it is, so
    that fewer distinct rows than clusters leave some empty, and no division by zero. The exchange carries k (d + 1)
    numbers from each worker, 8k (d + 1) bytes, and 8kd back. With a ``batch_size`` each step knows the batches of that
    step alone: ``MiniBatchKMeans`` remembers those before.
    """

    kind: Literal["kmeans"] = "kmeans"

    parameter_axes: ClassVar[tuple[str, ...]] = ("k", "d")

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Centres by ``initialisation``; drawn like the data, before time begins."""
        return self._begin(data, generator)

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """For each cluster the sum of the rows that are nearest to its centre, and last their number, (k, d + 1)."""
        return sums_and_counts(parameters, rows)

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """μ = Σ sums / Σ counts; an empty cluster stays where it was."""
        counts = total[:, -1:]
        filled = counts > 0
        return np.where(filled, total[:, :-1] / np.where(filled, counts, 1.0), parameters)

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean squared distance to the nearest centre (inertia / n)."""
        return inertia(parameters, rows)

    def labels(self, parameters: Array, rows: Rows) -> NDArray[np.int64]:
        """The nearest centre of each row."""
        return self.predict(parameters, rows.features)

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64]:
        """The nearest centre of the rows with these features."""
        return nearest_centre(np.ascontiguousarray(features), parameters)[0]


def sums_and_counts(centres: Array, rows: Rows) -> Call[Array]:
    """For each centre (k, d) the sum of the rows that are nearest to it, and last their number, (k, d + 1)."""
    features = rows.features

    def joined() -> Array:
        said = np.empty((centres.shape[0], centres.shape[1] + 1))
        if _finite(centres):
            _, said[:, :-1], said[:, -1], _ = nearest_centre(features, centres)
        else:  # a liar's, say: no row has a nearest centre
            said.fill(np.nan)
        return said

    return Call(joined, nearest_centre.cost(features, centres))


def inertia(centres: Array, rows: Rows) -> Call[float]:
    """The mean squared distance of rows to the nearest of ``centres``."""
    call = nearest_centre.call(rows.features, centres)
    return Call(lambda: float(call()[3]) / len(rows) if _finite(centres) else math.nan, call.cost)


def _finite(centres: Array) -> bool:
    """Whether the squared distances to the centres are numbers: centres that are not, or as large, say nothing."""
    return bool(np.vdot(centres, centres) < _GREATEST)  # which NaN is not; at a fifth of the time of abs and max
