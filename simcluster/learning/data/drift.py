"""Data that drifts: the rule behind its labels changes with the number of a row, so rows are to be taken in order."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simcluster.engine import NUMBER, Count, Probability, Spec, stream
from simcluster.learning.data.sources import AnyStillData
from simcluster.learning.dataset import Dataset

ManyRows = Annotated[Count, Field(le=10_000_000)]
SEA_THRESHOLDS = (8.0, 9.0, 7.0, 9.5)


class Changing(Spec):
    """What data has whose concept, the rule behind its labels, changes now and then: at once, or little by little.

    The first ``every`` rows are of concept 0, the next of concept 1, and so on. Around a change at row t, row i is of
    the new concept with probability 1/(1 + exp(−4(i − t)/width)), each row by itself (Bifet, Holmes, Kirkby &
    Pfahringer, "MOA: massive online analysis", JMLR, 2010); of two changes it is the nearer one that counts.
    """

    rows: ManyRows = 10_000
    """How many rows there are, at most ten million."""
    every: Count = 2500
    """After how many rows the concept changes."""
    width: Annotated[int, Field(ge=0, le=10**9), NUMBER] = 0
    """Over about how many rows the new concept takes the place of the old one; 0: at once."""

    @model_validator(mode="after")
    def _ends_before_the_next_begins(self) -> Changing:
        if self.width > self.every:
            raise ValueError(f"width must be at most the {self.every} rows of a concept, got {self.width}")
        return self

    def concepts(self, seed: int) -> NDArray[np.int64]:
        """Which concept each row is of, (rows,)."""
        number = np.arange(self.rows)
        if not self.width:
            return number // self.every
        nearest = np.maximum((2 * number + self.every) // (2 * self.every), 1)
        past = np.clip(4.0 * (number - nearest * self.every) / self.width, -700.0, 700.0)  # where exp is finite
        new = stream(seed, "drift", "concept").random(self.rows) < 1.0 / (1.0 + np.exp(-past))
        return np.asarray(nearest - 1 + new, dtype=np.int64)


class RotatedLabels(Changing):
    """Rows of other data, drawn at random with replacement; with each concept a label means the next class.

    So the label of a row of class y is (y + concept) mod k: what is learned of one concept is wrong of the next.
    """

    kind: Literal["rotated_labels"] = "rotated_labels"
    data: AnyStillData
    """What they are rows of."""

    def load(self, seed: int) -> Dataset:
        """The rows, in order. Raises ``ValueError`` for data without labels."""
        data = self.data.load(seed)
        if data.classes is None:
            raise ValueError(f"{self.kind} needs labels, got targets that are none (regression)")
        drawn = stream(seed, "drift", "rows").integers(len(data), size=self.rows)
        return Dataset(data.features[drawn], (data.targets[drawn] + self.concepts(seed)) % data.classes, data.classes)


class Sea(Changing):
    """Three features in [0, 1], of which the sum of the first two decides (Street & Kim, "A streaming ensemble
    algorithm (SEA) for large-scale classification", KDD, 2001).

    A row is of class 1 where 10·(x₁ + x₂) ≤ θ, for θ = 8, 9, 7 and 9.5, then 8 again; the third feature says nothing.
    """

    kind: Literal["sea"] = "sea"
    noise: Probability = 0.1
    """With which probability a label is the other one."""

    def load(self, seed: int) -> Dataset:
        """The rows, in order."""
        features = stream(seed, "drift", "rows").random((self.rows, 3))
        thresholds = np.asarray(SEA_THRESHOLDS)[self.concepts(seed) % len(SEA_THRESHOLDS)]
        return _noisy(features, 10.0 * (features[:, 0] + features[:, 1]) <= thresholds, self.noise, seed)


class RotatingHyperplane(Spec):
    """Features evenly in [0, 1], and the class says on which side of a hyperplane through their middle a row lies.

    It turns with every row (Hulten, Spencer & Domingos, "Mining time-changing data streams", KDD, 2001, where weights
    grow and fall instead): the weights of row i are (cos φ, sin φ, 1, −1, 1, …), with φ = 2π·i/``rows_per_turn``.
    """

    kind: Literal["rotating_hyperplane"] = "rotating_hyperplane"
    rows: ManyRows = 10_000
    """How many rows there are, at most ten million."""
    features: Annotated[int, Field(ge=2, le=1000), NUMBER] = 2
    """How many features a row has."""
    rows_per_turn: Annotated[float, Field(ge=1, allow_inf_nan=False), NUMBER] = 10_000.0
    """After how many rows it has turned once."""
    noise: Probability = 0.05
    """With which probability a label is the other one."""

    def load(self, seed: int) -> Dataset:
        """The rows, in order."""
        features = stream(seed, "drift", "rows").random((self.rows, self.features))
        angles = 2.0 * np.pi * np.arange(self.rows) / self.rows_per_turn
        still = np.where(np.arange(self.features - 2) % 2, -1.0, 1.0)
        middle = features - 0.5
        side = np.cos(angles) * middle[:, 0] + np.sin(angles) * middle[:, 1] + middle[:, 2:] @ still
        return _noisy(features, side >= 0.0, self.noise, seed)


def _noisy(features: NDArray[np.float64], labels: NDArray[np.bool_], noise: float, seed: int) -> Dataset:
    wrong = stream(seed, "drift", "noise").random(len(labels)) < noise
    return Dataset(features, (labels ^ wrong).astype(np.int64), 2)
