"""Label spreading over a graph of all rows, whose own rows each node has (Zhou et al., NIPS 2004)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import NUMBER, Count, Positive, Spec
from simcluster.kernels import Call, Cost, rbf_kernel
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.labelled import known_rows
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers


class LabelSpreading(Spec):
    """Semi-supervised labels: F ← αSF + (1 − α)Y, which goes to (1 − α)(I − αS)⁻¹Y.

    W are e^(−γ|x − x'|²) of all pairs of rows, 0 of a row with itself; D is diagonal, the sums of the rows of W;
    S = D^(−1/2) W D^(−1/2); Y is 1 where a row is known to be of a class. F begins at 0, not at Y, and ends the same.
    Written so, a row of S needs the degrees of all rows. Here nodes hold G = D^(−1/2) F, with
    G ← αD⁻¹WG + (1 − α)D^(−1/2)Y, a row of which needs its own degree only. A row that is near to no other (its
    degree is 0, and a common version divides by it) has F = (1 − α)Y.

    Parameters are (n, c + 2): G, √D (0 until it is known), and 1 where a row's label is known. Each worker computes
    the rows of W that are its own anew each step and sends (n, c + 1) numbers, 0 but in its rows: 8n (c + 1) bytes,
    as contributions must add up; back come 8n (c + 2). Of a step with a ``batch_size`` only these rows move. Where
    contributions count one by one it is the asynchronous iteration of Chazan & Miranker (1969), which goes to the same
    end. An error shrinks by α a step. It labels the rows that it has, and no others.
    """

    kind: Literal["label_spreading"] = "label_spreading"
    alpha: Annotated[float, Field(gt=0, lt=1), NUMBER] = 0.2
    """α, how much of a row's label its neighbours say."""
    gamma: Positive = 20.0
    """γ, how fast nearness ends with the squared distance."""
    labelled: Count = 5
    """Of how many rows of each class, drawn at random, the label is known; the others' are only looked at by
    ``accuracy``."""

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """F = 0, and which rows are labelled. Raises ``ValueError`` without labels, or with too few of a class."""
        check_numbers("scores", len(data) * ((data.classes or 0) + 2), f"{len(data)} rows of {data.classes} classes")
        known = known_rows("label_spreading", data, self.labelled, generator)
        return np.column_stack([np.zeros((len(data), (data.classes or 0) + 1)), known])

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The rows of the next G and of √D, 0 elsewhere, (n, c + 1)."""
        moved, own = self._moved(parameters, rows), rows.numbers

        def whole() -> Array:
            made = np.zeros((len(parameters), parameters.shape[1] - 1))
            made[own] = moved()
            return made

        return Call(whole, moved.cost + Cost(0.0, 8.0 * (parameters.size - len(parameters))))

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """The rows that somebody has computed; the others stay as they were."""
        return np.column_stack([np.where(total[:, -1:] > 0, total, parameters[:, :-1]), parameters[:, -1]])

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """How much F moves in a step, the mean of |αSF + (1 − α)Y − F|² over the rows: 0 at the end."""
        moved, own = self._moved(parameters, rows), rows.numbers

        def residual() -> float:
            following = moved()
            change = following[:, -1:] * (following[:, :-1] - parameters[own, :-2])
            return float(np.vdot(change, change)) / len(rows)

        return Call(residual, moved.cost + Cost(4.0 * len(rows) * (parameters.shape[1] - 2), 0.0))

    def scores(self, parameters: Array) -> Array:
        """F, (n, c)."""
        return np.asarray(parameters[:, :-2] * parameters[:, -2:-1])

    def labels(self, parameters: Array) -> NDArray[np.int64]:
        """Each row's label, of those that tie the smallest; −1 where no label has come, (n,)."""
        scores = parameters[:, :-2]
        return np.where(scores.any(axis=1), scores.argmax(axis=1), -1)

    def accuracy(self, parameters: Array, rows: Rows) -> float:
        """The share of the rows whose label was not known that have got theirs; 1 where all were known."""
        own = rows.numbers
        asked = parameters[own, -1] == 0
        right = self.labels(parameters)[own][asked] == rows.targets[asked]
        return float(np.mean(right)) if len(right) else 1.0

    def _moved(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The next G and √D of these rows."""
        places, data = rows.numbers, rows.data
        nearness = rbf_kernel.call(rows.features, data.features, self.gamma)

        def compute() -> Array:
            weights = nearness()
            weights[np.arange(len(rows)), places] = 0.0
            degrees = weights.sum(axis=1, keepdims=True)
            degrees[degrees == 0] = 1.0
            own = np.zeros((len(rows), parameters.shape[1] - 2))
            own[np.arange(len(rows)), rows.targets] = parameters[places, -1]
            spread = self.alpha * (weights @ parameters[:, :-2]) / degrees
            return np.column_stack([spread + (1 - self.alpha) * own / np.sqrt(degrees), np.sqrt(degrees)])

        (n, classes), pairs = (len(rows), parameters.shape[1] - 2), float(len(rows) * len(data))
        cost = Cost(flops=pairs * (2 * classes + 1) + 6.0 * n * classes, bytes=8.0 * (pairs + parameters.size))
        return Call(compute, nearness.cost + cost)
