"""Softmax regression: multinomial logistic regression (Bishop, Pattern Recognition and Machine Learning, 4.3.4)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import NotNegative, Spec
from simcluster.kernels import Call, Cost, softmax, softmax_cross_entropy
from simcluster.kernels.expressions import divided_plus_scaled, scaled
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.linear import nothing, scores, steepest_curvature
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers


class Softmax(Spec):
    """Softmax regression. Weights W are (d + 1, k): the last row is the bias.

    A worker contributes Σ x (p − e_y)ᵀ of its rows, and m of them exchange m·(144 + 16·(d + 1)·k) bytes with a
    parameter server in a round.
    """

    kind: Literal["softmax"] = "softmax"
    l2: NotNegative = 1e-4
    """The objective is the mean cross-entropy + l2/2·‖W‖²."""

    parameter_axes: ClassVar[tuple[str, ...]] = ("d + 1", "k")

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Weights of zero, a convex problem's usual start."""
        if data.classes is None:
            raise ValueError("softmax learns labels, got targets that are none (regression)")
        columns = data.features.shape[1] + 1
        check_numbers("parameters", columns * data.classes, f"{columns} weights for each of {data.classes} classes")
        return np.zeros((columns, data.classes))

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The sum of the gradients of the rows' cross-entropy, (d + 1, k)."""
        if not (count := len(rows)):
            return nothing(parameters.shape)
        data = rows.data
        computed = softmax.call(parameters, data.with_ones, data.targets, 0.0, rows.index)

        return Call(lambda: scaled(computed()[1], float(count)), computed.cost)

    def gradient(self, parameters: Array, total: Array, rows: float) -> Array:
        """∇L = Σ/n + l2·W."""
        return divided_plus_scaled(total, rows, self.l2, parameters)  # type: ignore[no-any-return]

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean cross-entropy + l2/2·‖W‖²."""
        call = softmax.call(parameters, rows.data.with_ones, rows.data.targets, self.l2, rows.index)
        return Call(lambda: float(call()[0]), call.cost)

    def smoothness(self, data: Dataset) -> float:
        """A Lipschitz constant of the objective's gradient: λ_max(XᵀX/n)/2 + l2 (Böhning, Ann. Inst. Stat., 1992)."""
        return steepest_curvature(data) / 2 + self.l2

    def score_slopes(self, scores: Array, rows: Rows) -> Call[Array]:
        """The slope of each row's loss in its score, p − [c = y], (n, k)."""
        call = softmax_cross_entropy.call(scores, rows.targets)
        return Call(lambda: len(rows) * call()[1], call.cost + Cost(float(scores.size), 16.0 * scores.size))

    def classes_of(self, parameters: Array) -> int | None:
        """As many as columns of weights."""
        return parameters.shape[1] if parameters.ndim == 2 else None

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64]:
        """The most probable class of each row of ``features`` (n, d), (n,)."""
        return np.asarray(np.argmax(scores(parameters, features), axis=1), dtype=np.int64)

    def probabilities(self, parameters: Array, features: Array) -> Array:
        """How probable each class is, (n, k)."""
        found = scores(parameters, features)
        powers = np.exp(found - found.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def accuracy(self, parameters: Array, rows: Rows) -> float:
        """The share of the rows whose most probable class is their label."""
        scores = rows.data.with_ones @ parameters
        chosen = scores if rows.index is None else scores[rows.index]
        return float(np.mean(np.argmax(chosen, axis=1) == rows.targets))
