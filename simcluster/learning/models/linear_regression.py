"""Linear regression by descent, with l2 ridge regression (Hoerl & Kennard, Technometrics, 1970)."""

from __future__ import annotations

from typing import Literal

from simcluster.kernels import Call, Cost, least_squares
from simcluster.kernels.call import Kernel
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models.linear import LinearDescent, scores, steepest_curvature
from simcluster.learning.protocols import Array


class LinearRegression(LinearDescent):
    """Least squares: 1/2n Σ (x·w + b − y)² + l2/2·‖w‖², the bias b free; scikit-learn's Ridge with alpha = n·l2.

    A worker contributes Σ x (x·w + b − y) of its rows, one number for each weight. Textbook code that writes it as
    ``np.sum((X @ w - y) * X)`` adds over the weights too: that is one number, by which all weights move alike.

    Contributions are added up in the order of workers: any split of the rows gives one machine's answer, up to how sums
    are rounded, and under a rule that waits for all no crash changes a bit of it.

    m workers and a parameter server exchange m·(144 + 16·(d + 1)) bytes in a round, 72 + 8·(d + 1) each for the
    parameters and for the contribution (a header of 64, the step's number, the array), however many rows there are;
    before the first, each worker asks for it with 64.
    """

    kind: Literal["linear_regression"] = "linear_regression"

    @property
    def _kernel(self) -> Kernel[..., tuple[float, Array]]:
        return least_squares

    def _learns(self, data: Dataset) -> None:
        learns_numbers(self.kind, data)

    def smoothness(self, data: Dataset) -> float:
        """The Lipschitz constant of the objective's gradient: λ_max(XᵀX/n) + l2."""
        return steepest_curvature(data) + self.l2

    def classes_of(self, parameters: Array) -> int:
        """None: it predicts numbers."""
        return 0

    def score_slopes(self, scores: Array, rows: Rows) -> Call[Array]:
        """The slope of each row's loss in its score, z − y, (n,)."""
        count = float(len(rows))
        return Call(lambda: scores - rows.targets, Cost(count, 24 * count))

    def predict(self, parameters: Array, features: Array) -> Array:
        """The value of each row of ``features`` (n, d), (n,)."""
        return scores(parameters, features)


def learns_numbers(kind: str, data: Dataset) -> None:
    """Raise ``ValueError`` for labels, whose order and distance mean nothing."""
    if data.classes is not None:
        raise ValueError(f"{kind} learns numbers, got labels of {data.classes} classes (labels=False reads numbers)")
