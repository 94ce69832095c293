"""Principal components by one sum of Gram matrices (Pearson 1901; Jolliffe, Principal Component Analysis, 2002)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from simcluster.kernels import Call, Cost
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.components import Components, joined, shifted
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers


class PrincipalComponents(Components):
    """Principal components from Σ x xᵀ, Σ x and n, all that has to be known of the rows: one step suffices.

    With a last 1 behind each row, X̃, the three are X̃ᵀX̃. It is symmetric, so each worker sends its upper triangle:
    (d + 1)(d + 2)/2 numbers, 4 (d + 1)(d + 2) bytes, whatever the number of its rows; back come (k + 2)(d + 1) numbers.
    The components are eigenvectors of (Σ x xᵀ − Σ x Σ xᵀ/n)/(n − 1).
    """

    kind: Literal["principal_components"] = "principal_components"

    needs_whole_steps: ClassVar[bool] = True

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """No components yet. Raises ``ValueError`` for more components than features or rows, and for one row."""
        columns = data.features.shape[1] + 1
        check_numbers("sums", columns * columns, f"{columns - 1} features")
        return self._begin(data)

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The upper triangle of X̃ᵀX̃, row by row, ((d + 1)(d + 2)/2,)."""
        n, d = rows.features.shape
        cost = Cost(flops=n * (d + (d + 1.0) * (d + 2)), bytes=8.0 * (n * d + (d + 1) * (d + 2) / 2))

        def triangle() -> Array:
            columns = shifted(parameters, rows)
            return np.asarray((columns.T @ columns)[np.triu_indices(d + 1)])

        return Call(triangle, cost)

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """The eigenvectors of the greatest eigenvalues."""
        d = parameters.shape[1] - 1
        gram = np.zeros((d + 1, d + 1))
        gram[np.triu_indices(d + 1)] = total
        n, added, shift = gram[-1, -1], gram[:-1, -1], parameters[-1, :-1]
        spread = (gram[:-1, :-1] - np.outer(added, added) / n) / max(n - 1.0, 1.0)
        if not np.isfinite(spread).all():  # a liar's, say
            return np.full_like(parameters, np.nan)
        values, vectors = np.linalg.eigh(spread, UPLO="U")
        chosen = np.arange(d - 1, d - 1 - self.components, -1)
        return joined(vectors.T[chosen], np.maximum(values[chosen], 0.0), shift + added / n, shift)

    def update_cost(self, parameters: Array, total: Array, rows: float) -> Cost:
        """All eigenvectors of a symmetric matrix: 9 d³ operations (Golub & Van Loan, Matrix Computations, 8.3)."""
        d = parameters.shape[1] - 1
        return Cost(flops=9.0 * d**3, bytes=8.0 * (total.size + 2 * d * d + parameters.size))
