"""The linear support vector machine in its primal form (Cortes & Vapnik 1995; Fan et al., LIBLINEAR, 2008)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels import Call, Cost, hinge, squared_hinge
from simcluster.kernels.call import Kernel
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.linear import LinearDescent, scores, steepest_curvature
from simcluster.learning.optimisers.lbfgs import Lbfgs
from simcluster.learning.protocols import Array


class LinearSvm(LinearDescent):
    """The mean hinge max(0, 1 − s(x·w + b)), or its square, + l2/2·‖w‖²; labels 0 and 1 stand for s = −1 and 1.

    With the hinge it is scikit-learn's SVC of a linear kernel with C = 1/(n·l2); LinearSVC penalises the bias too. The
    hinge has a kink, where the slope is taken for 0: steps of one length go on circling the optimum, the closer the
    shorter they are. The squared hinge is smooth.

    A worker contributes −Σ s·x of its rows that are within the margin (2·max(0, …) times that when squared). Labels 0
    and 1 put for s, as in much sample code, make every row of class 0 lie on the margin's wrong side for ever, with a
    gradient of zero. m workers and a parameter server exchange m·(144 + 16·(d + 1)) bytes in a round, as
    ``LinearRegression`` says.
    """

    kind: Literal["linear_svm"] = "linear_svm"
    margin: Literal["hinge", "squared_hinge"] = "squared_hinge"
    """Which loss a row has that is within the margin."""

    def refuses(self, job: Any) -> str | None:
        """The hinge has no second derivative for L-BFGS to follow, which gets stuck at a kink far from the optimum."""
        if self.margin == "hinge" and isinstance(job.optimiser, Lbfgs):
            return "margin must be squared_hinge with lbfgs, which needs a smooth loss, got 'hinge'"
        return None

    @property
    def _kernel(self) -> Kernel[..., tuple[float, Array]]:
        return hinge if self.margin == "hinge" else squared_hinge

    def classes_of(self, parameters: Array) -> int:
        """Two."""
        return 2

    def smoothness(self, data: Dataset) -> float:
        """The Lipschitz constant of the gradient: 2·λ_max(XᵀX/n) + l2. Raises ``ValueError`` for the hinge."""
        if self.margin == "hinge":
            raise ValueError("learning_rate must be a number for a loss that is not smooth, got 'auto' for the hinge")
        return 2 * steepest_curvature(data) + self.l2

    def score_slopes(self, scores: Array, rows: Rows) -> Call[Array]:
        """The slope of each row's loss in its score, −s within the margin, or −2s·max(0, 1 − sz), (n,)."""
        count = float(len(rows))

        def slopes() -> Array:
            sides = 2.0 * rows.targets - 1
            within = np.maximum(0.0, 1 - sides * scores)
            return np.asarray(-sides * (within > 0) if self.margin == "hinge" else -2 * sides * within)

        return Call(slopes, Cost(7 * count, 24 * count))

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64]:
        """The class of each row of ``features`` (n, d), 0 or 1, (n,): on which side of the plane it is."""
        return (scores(parameters, features) > 0).astype(np.int64)
