"""What the two ways to principal components share: how they are written in one array, and what is done with them."""

from __future__ import annotations

import numpy as np

from simcluster.engine import Count, Spec
from simcluster.kernels import Call, Cost
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.protocols import Array


class Components(Spec):
    """Principal components of rows (n, d): the k directions in which they vary most.

    Parameters are (k + 2, d + 1). The first k rows are components, each of length 1 and with its entry of greatest
    magnitude positive (of those that tie the first), greatest variance first; their last column is the variances, those
    of Σ (x − μ)²/(n − 1). Then comes the mean μ, and last the shift s, a row of the data, from which sums are taken
    throughout: Σ x xᵀ − n μ μᵀ, as textbooks have it, loses all digits where the mean is great beside the spread, and
    sums of x − s do not. Components of equal variances are not determined, and may turn with the rounding of a sum.
    """

    components: Count = 2
    """How many components are found; at most as many as features, and as rows."""

    def transform(self, parameters: Array, features: Array) -> Array:
        """The rows (n, d) in terms of the components, (n, k)."""
        return np.asarray((features - parameters[-2, :-1]) @ parameters[:-2, :-1].T)

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean squared distance of the rows to the plane of the components through their mean."""
        n, d = rows.features.shape

        def residual() -> float:
            centred = rows.features - parameters[-2, :-1]
            left = centred - self.transform(parameters, rows.features) @ parameters[:-2, :-1]
            return float(np.vdot(left, left)) / len(rows)

        k = self.components
        return Call(residual, Cost(flops=n * d * (4.0 * k + 4), bytes=8.0 * (n * d + k * d + d)))

    def _begin(self, data: Dataset) -> Array:
        """No components yet, and the first row for mean and shift."""
        n, d = data.features.shape
        if self.components > min(n, d):
            raise ValueError(f"components must be at most the {d} features and the {n} rows, got {self.components}")
        if n < 2:
            raise ValueError(f"principal components need at least 2 rows, got {n}")
        data.check_squares()
        parameters = np.zeros((self.components + 2, d + 1))
        parameters[-2:, :-1] = data.features[0]
        return parameters


def shifted(parameters: Array, rows: Rows) -> Array:
    """The rows less the shift, with a last column of ones, (n, d + 1)."""
    return np.column_stack([rows.features - parameters[-1, :-1], np.ones(len(rows))])


def joined(components: Array, variances: Array, mean: Array, shift: Array) -> Array:
    """Parameters of components (k, d) in any sign."""
    largest = np.abs(components).argmax(axis=1)
    signs = np.where(components[np.arange(len(components)), largest] < 0, -1.0, 1.0)
    top = np.column_stack([components * signs[:, np.newaxis], variances])
    return np.vstack([top, np.append(mean, 0.0), np.append(shift, 0.0)])
