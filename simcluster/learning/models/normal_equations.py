"""Ridge regression by its normal equations: one round, in which the sums of squares and products travel."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from simcluster.kernels import Call, Cost, least_squares
from simcluster.kernels.blas import one_thread
from simcluster.kernels.call import Kernel
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.all_rows import refuses_batches
from simcluster.learning.models.linear import Linear, nothing, scores
from simcluster.learning.models.linear_regression import learns_numbers
from simcluster.learning.protocols import Array

_DEPENDENT = 1e-12  # of the greatest eigenvalue: what rounding leaves of a column that others add up to


class NormalEquations(Linear):
    """(XᵀX + n·l2·I) w = Xᵀy, X with a column of ones, whose place in I is 0: what ``LinearRegression`` descends to.

    A worker contributes [XᵀX | Xᵀy] of its rows (Golub & Van Loan, Matrix Computations, 5.3; Chu et al., "Map-reduce
    for machine learning on multicore", NIPS 2006), so one step, over all rows, is the answer; another is the same.
    Where columns depend on others, as a constant feature does on the ones, the answer is the smallest one after each
    column is scaled to length 1; its predictions are those of any other. The condition of X is squared: a feature
    whose mean is 10⁶ times its spread counts as constant, and should be standardised.

    m workers and a parameter server exchange m·(144 + 8·((d + 1)(d + 2) + d + 1)) bytes in the round.
    """

    kind: Literal["normal_equations"] = "normal_equations"

    @property
    def _kernel(self) -> Kernel[..., tuple[float, Array]]:
        return least_squares

    def refuses(self, job: Any) -> str | None:
        """A batch is not the data."""
        return refuses_batches(self.kind, job)

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Weights of zero, which nobody looks at."""
        learns_numbers(self.kind, data)
        return np.zeros(data.features.shape[1] + 1)

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """[XᵀX | Xᵀy] of the rows, (d + 1, d + 2)."""
        count, columns = len(rows), len(parameters)
        if not count:
            return nothing((columns, columns + 1))
        flops = 2.0 * count * columns * (columns + 1)

        def sums() -> Array:
            features = rows.data.with_ones if rows.index is None else rows.data.with_ones[rows.index]
            with np.errstate(over="ignore", invalid="ignore"), one_thread(flops):
                return np.column_stack([features.T @ features, features.T @ rows.targets])

        return Call(sums, Cost(flops, 8.0 * (count * (columns + 1) + columns * (columns + 1))))

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """The solution, from the sums over so many rows."""
        if not np.isfinite(total).all():  # a liar's, say, or of numbers too great
            return np.full(parameters.shape, np.nan)
        squares = total[:, :-1].copy()
        penalised = np.arange(len(parameters) - 1)
        squares[penalised, penalised] += rows * self.l2
        length = np.sqrt(np.maximum(np.diagonal(squares), 0.0))
        scale = 1.0 / np.where(length > 0, length, 1.0)
        with one_thread(math.inf):
            values, vectors = np.linalg.eigh(scale[:, np.newaxis] * squares * scale)
            kept = values > _DEPENDENT * values[-1]
            along = vectors[:, kept].T @ (scale * total[:, -1])
            return np.asarray(scale * (vectors[:, kept] @ (along / values[kept])))

    def update_cost(self, parameters: Array, total: Array, rows: float) -> Cost:
        """9·p³ for the eigenvectors (Golub & Van Loan, 8.3), p being d + 1, and 6·p² to scale and for two products."""
        size = float(len(parameters))
        return Cost(9 * size**3 + 6 * size**2, 8 * (3 * size**2 + 2 * size))

    def predict(self, parameters: Array, features: Array) -> Array:
        """The value of each row of ``features`` (n, d), (n,)."""
        return scores(parameters, features)
