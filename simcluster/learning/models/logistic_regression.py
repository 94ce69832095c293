"""Logistic regression of two classes (Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 4.4)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels import Call, Cost, logistic
from simcluster.kernels.call import Kernel
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.linear import LinearDescent, scores, steepest_curvature
from simcluster.learning.protocols import Array


class LogisticRegression(LinearDescent):
    """The mean of log(1 + e^z) − y·z with z = x·w + b and y 0 or 1, + l2/2·‖w‖²; scikit-learn's with C = 1/(n·l2).

    A worker contributes Σ (p − y)·x of its rows. The textbook step of stochastic descent that leaves the x out,
    ``w -= rate * (p - y)``, moves all weights alike, by what only the bias should move.

    More than two classes are ``Softmax``'s. m workers and a parameter server exchange m·(144 + 16·(d + 1)) bytes in a
    round, as ``LinearRegression`` says.
    """

    kind: Literal["logistic_regression"] = "logistic_regression"

    @property
    def _kernel(self) -> Kernel[..., tuple[float, Array]]:
        return logistic

    def classes_of(self, parameters: Array) -> int:
        """Two."""
        return 2

    def smoothness(self, data: Dataset) -> float:
        """A Lipschitz constant of the objective's gradient: λ_max(XᵀX/n)/4 + l2, for p(1 − p) ≤ 1/4."""
        return steepest_curvature(data) / 4 + self.l2

    def score_slopes(self, scores: Array, rows: Rows) -> Call[Array]:
        """The slope of each row's loss in its score, p − y, (n,)."""
        count = float(len(rows))
        return Call(lambda: 0.5 + np.tanh(scores / 2) / 2 - rows.targets, Cost(5 * count, 24 * count))

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64]:
        """The more probable class of each row of ``features`` (n, d), 0 or 1, (n,)."""
        return (scores(parameters, features) > 0).astype(np.int64)

    def probabilities(self, parameters: Array, features: Array) -> Array:
        """How probable the classes 0 and 1 are, (n, 2)."""
        # 1/(1 + e^-z) that never overflows, and whose two halves add up to 1 exactly.
        half = np.tanh(scores(parameters, features) / 2) / 2
        return np.column_stack([0.5 - half, 0.5 + half])
