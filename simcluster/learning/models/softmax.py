"""Softmax regression: multinomial logistic regression (Bishop, Pattern Recognition and Machine Learning, 4.3.4)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import Seconds, Spec
from simcluster.kernels import Call, softmax
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.protocols import Array


class Softmax(Spec):
    """Softmax regression. Weights W are (d + 1, k): the last row is the bias."""

    kind: Literal["softmax"] = "softmax"
    l2: Seconds = 1e-4
    """The objective is the mean cross-entropy + l2/2·‖W‖²."""

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Weights of zero, a convex problem's usual start."""
        if data.classes is None:
            raise ValueError("softmax learns labels, got targets that are none (regression)")
        return np.zeros((data.features.shape[1] + 1, data.classes))

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The sum of the gradients of the rows' cross-entropy, (d + 1, k)."""
        given = parameters, rows.data.with_ones, rows.data.targets, 0.0, rows.index
        return Call(lambda: len(rows) * softmax(*given)[1], softmax.cost(*given))

    def gradient(self, parameters: Array, total: Array, rows: float) -> Array:
        """∇L = Σ/n + l2·W."""
        return total / rows + self.l2 * parameters

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean cross-entropy + l2/2·‖W‖²."""
        call = softmax.call(parameters, rows.data.with_ones, rows.data.targets, self.l2, rows.index)
        return Call(lambda: float(call()[0]), call.cost)

    def accuracy(self, parameters: Array, rows: Rows) -> float:
        """The share of the rows whose most probable class is their label."""
        scores = rows.data.with_ones @ parameters
        chosen = scores if rows.index is None else scores[rows.index]
        return float(np.mean(np.argmax(chosen, axis=1) == rows.targets))

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64]:
        """The most probable class of each row, the first of equals."""
        return np.asarray(np.argmax(features @ parameters[:-1] + parameters[-1], axis=1), dtype=np.int64)

    def probabilities(self, parameters: Array, features: Array) -> Array:
        """P(c | x) = exp(w_c·x) / Σ exp(w_j·x), after the greatest exponent is taken from each: nothing overflows."""
        scores = features @ parameters[:-1] + parameters[-1]
        likely = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(likely / likely.sum(axis=1, keepdims=True))
