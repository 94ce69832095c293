"""Principal components by orthogonal iteration (Golub & Van Loan, Matrix Computations, 8.2.4), rows distributed."""

from __future__ import annotations

from typing import Literal

import numpy as np

from simcluster.kernels import Call, Cost
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.components import Components, joined, shifted
from simcluster.learning.protocols import Array


class PowerIteration(Components):
    """Principal components by V ← qr(C V), C = Σ (x − μ)(x − μ)ᵀ: fewer bytes a step than a Gram matrix, more steps.

    Each worker sends X̃ᵀ[X V, 1], X̃ its rows with a last 1: (d + 1)(k + 1) numbers, 8 (d + 1)(k + 1) bytes; back come
    (k + 2)(d + 1) numbers. With C V = Σ x (xᵀV) − Σ x (Σ x)ᵀV/n the mean need not be known beforehand: centring each
    shard by its own mean, as is often seen, finds other components. An error shrinks by λ₍ₖ₊₁₎/λ₍ₖ₎ a step, and
    that of a single component by the greater of its ratios to its neighbours.
    """

    kind: Literal["power_iteration"] = "power_iteration"

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Orthonormal directions at random. Raises ``ValueError`` for more than features or rows, and for one row."""
        parameters = self._begin(data)
        directions = np.linalg.qr(generator.standard_normal((data.features.shape[1], self.components)))[0]
        return joined(directions.T, np.zeros(self.components), parameters[-2, :-1], parameters[-1, :-1])

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """X̃ᵀ[X V, 1], (d + 1, k + 1)."""
        (n, d), k = rows.features.shape, self.components
        cost = Cost(flops=n * (d + 2.0 * d * k + 2.0 * (d + 1) * (k + 1)), bytes=8.0 * (n * d + 2 * (d + 1) * (k + 1)))

        def product() -> Array:
            columns = shifted(parameters, rows)
            scores = np.column_stack([columns[:, :-1] @ parameters[:-2, :-1].T, columns[:, -1]])
            return np.asarray(columns.T @ scores)

        return Call(product, cost)

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """qr(C V); the variances are |R|ᵢᵢ/(n − 1)."""
        n, added, shift = total[-1, -1], total[:-1, -1], parameters[-1, :-1]
        moved = total[:-1, :-1] - np.outer(added, total[-1, :-1]) / n
        if not np.isfinite(moved).all():  # a liar's, say
            return np.full_like(parameters, np.nan)
        orthonormal, triangle = np.linalg.qr(moved)
        variances = np.abs(np.diagonal(triangle)) / max(n - 1.0, 1.0)
        return joined(orthonormal.T, variances, shift + added / n, shift)

    def update_cost(self, parameters: Array, total: Array, rows: float) -> Cost:
        """A QR decomposition: 4 d k² operations."""
        return Cost(flops=4.0 * total.size * self.components, bytes=8.0 * (total.size + parameters.size))
