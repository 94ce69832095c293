"""Ridge regression by its normal equations: one round, in which the sums of squares and products travel."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np

from simcluster.kernels import Call, Cost, least_squares
from simcluster.kernels.blas import one_thread
from simcluster.kernels.call import Kernel
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.linear import Linear, nothing, scores
from simcluster.learning.models.linear_regression import learns_numbers
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers

_DEPENDENT = 1e-12  # of the greatest eigenvalue: what rounding leaves of a column that others add up to


class NormalEquations(Linear):
    """(XᵀX + n·l2·I) w = Xᵀy, X with a column of ones, whose place in I is 0: what ``LinearRegression`` descends to.

    A worker contributes [XᵀX | Xᵀy] of its rows (Golub & Van Loan, Matrix Computations, 5.3; Chu et al., "Map-reduce
    for machine learning on multicore", NIPS 2006), so one step, over all rows, is the answer; another is the same.
    The sums are of x − x₀ and y − y₀, a row of the data, so that means that are great beside the spread cost no digits.
    Where columns depend on others, as a constant feature does on the ones, the answer is the smallest one after each
    column is scaled to length 1; its predictions are those of any other.

    Parameters are (2, d + 1): weights and bias, which are those of ``LinearRegression``, and below them x₀ and y₀. m
    workers and a parameter server exchange m·(144 + 8·((d + 1)(d + 2) + 2(d + 1))) bytes in the round.
    """

    kind: Literal["normal_equations"] = "normal_equations"

    needs_whole_steps: ClassVar[bool] = True

    parameter_axes: ClassVar[tuple[str, ...]] = ("2", "d + 1")

    @property
    def _kernel(self) -> Kernel[..., tuple[float, Array]]:
        return least_squares

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Weights of zero, which nobody looks at, and the first row."""
        learns_numbers(self.kind, data)
        columns = data.features.shape[1] + 1
        check_numbers("sums", columns * (columns + 1), f"{columns - 1} features")
        return np.array([np.zeros(columns), [*data.features[0], data.targets[0]]])

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """[XᵀX | Xᵀy] of the rows less the first of all, (d + 1, d + 2)."""
        count, columns = len(rows), parameters.shape[1]
        if not count:
            return nothing((columns, columns + 1))
        flops = 2.0 * count * columns * (columns + 1)

        def sums() -> Array:
            with np.errstate(over="ignore", invalid="ignore"), one_thread(flops):
                features = np.column_stack([rows.features - parameters[1, :-1], np.ones(count)])
                return np.column_stack([features.T @ features, features.T @ (rows.targets - parameters[1, -1])])

        moved = float(count * columns)  # the row is taken from each
        return Call(sums, Cost(flops + moved, 8.0 * (count * (columns + 1) + columns * (columns + 1))))

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """The solution, from the sums over so many rows."""
        if not np.isfinite(total).all():  # a liar's, say, or of numbers too great
            return np.full(parameters.shape, np.nan)
        squares = total[:, :-1].copy()
        penalised, shift = np.arange(len(squares) - 1), parameters[1]
        squares[penalised, penalised] += rows * self.l2
        length = np.sqrt(np.maximum(np.diagonal(squares), 0.0))
        scale = 1.0 / np.where(length > 0, length, 1.0)
        with one_thread(math.inf):
            values, vectors = np.linalg.eigh(scale[:, np.newaxis] * squares * scale)
            kept = values > _DEPENDENT * values[-1]
            along = vectors[:, kept].T @ (scale * total[:, -1])
            solved = scale * (vectors[:, kept] @ (along / values[kept]))
            solved[-1] += shift[-1] - shift[:-1] @ solved[:-1]
        return np.array([solved, shift])

    def update_cost(self, parameters: Array, total: Array, rows: float) -> Cost:
        """9·p³ for the eigenvectors (Golub & Van Loan, 8.3), p being d + 1, and 6·p² to scale and for two products."""
        size = float(parameters.shape[1])
        return Cost(9 * size**3 + 6 * size**2, 8 * (3 * size**2 + 2 * size))

    def classes_of(self, parameters: Array) -> int:
        """None: it predicts numbers."""
        return 0

    def predict(self, parameters: Array, features: Array) -> Array:
        """The value of each row of ``features`` (n, d), (n,)."""
        return scores(parameters[0], features)

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """Half the mean squared error + l2/2·‖w‖²."""
        return super().loss(parameters[0], rows)
