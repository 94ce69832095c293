"""What linear models share: weights with a bias, a penalty that leaves the bias alone, losses by a kernel."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from simcluster.engine import NotNegative, Spec
from simcluster.kernels import Call, Cost
from simcluster.kernels.blas import one_thread
from simcluster.kernels.call import Kernel
from simcluster.kernels.expressions import divided_plus_scaled, scaled
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.protocols import Array


class Linear(Spec):
    """Weights w (d + 1,), the last of which is the bias; the objective is a mean loss + l2/2·‖w without its bias‖².

    The bias is not penalised, as in scikit-learn's Ridge and LogisticRegression: with a penalty of the bias the
    answer would depend on where the origin of the targets, or of the features, lies.
    """

    l2: NotNegative = 1e-4
    """The objective is the mean loss of the rows + l2/2·‖w‖², the bias left out."""

    @property
    def _kernel(self) -> Kernel[..., tuple[float, Array]]:
        """Mean loss and gradient of rows."""
        raise NotImplementedError

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean loss + l2/2·‖w without its bias‖²."""
        call = self._kernel.call(parameters, rows.data.with_ones, rows.data.targets, 0.0, rows.index)
        weights = parameters[:-1]
        penalty = Cost(2.0 * weights.size, 8.0 * weights.size)
        return Call(lambda: float(call()[0] + self.l2 / 2 * (weights * weights).sum()), call.cost + penalty)


class LinearDescent(Linear):
    """A linear model that goes down its gradient, or a subgradient."""

    parameter_axes: ClassVar[tuple[str, ...]] = ("d + 1",)

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Weights of zero, a convex problem's usual start."""
        self._learns(data)
        return np.zeros(data.features.shape[1] + 1)

    def _learns(self, data: Dataset) -> None:
        """Raise ``ValueError`` for targets that it cannot learn: a model of labels takes those of two classes."""
        if data.classes != 2:
            got = "targets that are none (regression)" if data.classes is None else f"{data.classes}"
            raise ValueError(f"{self.kind} learns labels of 2 classes, got {got}")  # type: ignore[attr-defined]

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The sum of the gradients of the rows' losses, (d + 1,): a number for each weight, and none of the penalty."""
        if not (count := len(rows)):
            return nothing(parameters.shape)
        data, kernel = rows.data, self._kernel
        given = parameters, data.with_ones, data.targets, 0.0, rows.index
        return Call(lambda: scaled(kernel(*given)[1], float(count)), kernel.cost(*given))

    def gradient(self, parameters: Array, total: Array, rows: float) -> Array:
        """∇L = Σ/n + l2·w, the bias not penalised."""
        found: Array = divided_plus_scaled(total, rows, self.l2, parameters)
        found[-1] = total[-1] / rows
        return found


def nothing(shape: tuple[int, ...]) -> Call[Array]:
    """What no rows say."""
    return Call(lambda: np.zeros(shape), Cost(0.0, 0.0))


def scores(parameters: Array, features: Array) -> Array:
    """Xw + b of raw features (n, d): (n,) of weights (d + 1,), (n, k) of weights (d + 1, k); the last is the bias.

    Raises ``ValueError`` where the features are not as many as the weights.
    """
    wanted = len(parameters) - 1
    if features.ndim != 2 or features.shape[1] != wanted:
        raise ValueError(f"features must be (n, {wanted}) for these parameters, got {features.shape}")
    with one_thread(float(features.shape[0] * parameters.size)):
        return np.asarray(features @ parameters[:-1] + parameters[-1])


def steepest_curvature(data: Dataset) -> float:
    """The greatest eigenvalue of XᵀX/n, the column of ones among the features.

    Of a mean loss φ(x·w) with φ″ ≤ c the gradient is Lipschitz continuous with c times this (Böhning 1992 for logits).
    Raises ``ValueError`` where the squares of the features are no finite numbers.
    """
    features = data.with_ones
    with np.errstate(over="ignore", invalid="ignore"), one_thread(math.inf):
        gram = features.T @ features / len(features)
        if not np.isfinite(gram).all():
            raise ValueError(f"features must have finite squares, got up to {np.abs(features).max()}")
        return float(np.linalg.eigvalsh(gram)[-1])
