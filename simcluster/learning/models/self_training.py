"""Self-training of a Gaussian naive Bayes classifier: it learns from rows that it has labelled itself, too."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import NUMBER, Count, Spec
from simcluster.kernels import Call, Cost
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.labelled import known_rows
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers

_SMOOTHING = 1e-9  # scikit-learn's var_smoothing


class SelfTraining(Spec):
    """Self-training (Yarowsky, ACL 1995) as scikit-learn's ``SelfTrainingClassifier`` has it, of ``GaussianNB``.

    In each step a row without a label gets the most probable one where its probability is above ``threshold``, and
    keeps it; then each class's number of labelled rows, Σ (x − s) and Σ (x − s)², which add up over workers, make the
    next classifier. The first step learns from known labels alone, so t + 1 steps are t of scikit-learn's iterations.
    s is a row of the data, so that variances keep their digits; each has 10⁻⁹ of the greatest added.

    Parameters are one row of numbers: c, s, the sums of c classes (c, 2d + 1), and for each row of the data its label
    + 1, or 0. A worker sends sums and labels, 8 (c (2d + 1) + n) bytes; back come 8 (c (2d + 1) + n + d + 1).
    """

    kind: Literal["self_training"] = "self_training"
    threshold: Annotated[float, Field(ge=0, lt=1), NUMBER] = 0.75
    """How probable a label must be more than, so that a row gets it."""
    labelled: Count = 5
    """Of how many rows of each class, drawn at random, the label is known; the others' are only looked at by
    ``accuracy``."""

    needs_whole_steps: ClassVar[bool] = True

    parameter_axes: ClassVar[tuple[str, ...]] = ("p",)

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Known labels, and no classifier. Raises ``ValueError`` without labels, or with too few of a class."""
        data.check_squares()
        known = known_rows("self_training", data, self.labelled, generator)
        classes, d = data.classes or 0, data.features.shape[1]
        check_numbers("sums", classes * (2 * d + 1), f"{d} features and {classes} classes")
        given = known * (data.targets + 1)
        return np.concatenate([[float(classes)], data.features[0], np.zeros(classes * (2 * d + 1)), given])

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """Of each class the number of rows with its label, Σ (x − s) and Σ (x − s)²; and the rows' labels."""
        n, d = rows.features.shape
        now = _read(parameters, d, rows.data.classes)

        def whole() -> Array:
            labels = now.labels[rows.numbers]
            if now.sums[:, 0].any():
                said = _probabilities(now, rows.features)
                sure = (labels == 0) & (said.max(axis=1) > self.threshold)
                labels = np.where(sure, said.argmax(axis=1) + 1.0, labels)
            moved = rows.features - now.shift
            columns = np.column_stack([np.ones(n), moved, moved**2])
            sums = (labels == np.arange(1, len(now.sums) + 1)[:, np.newaxis]) @ columns
            said_of = np.zeros(len(rows.data))
            said_of[rows.numbers] = labels
            return np.concatenate([sums.ravel(), said_of])

        classes = len(now.sums)
        flops = n * (4.0 * d * classes + 3 * classes + 2 * d + 2.0 * classes * (2 * d + 1))
        return Call(whole, Cost(flops, 8.0 * (n * d + 2 * parameters.size)))

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """The sums of all, and the labels that somebody gave; a row that nobody had keeps its own."""
        d = len(parameters) - len(total) - 1
        sums = int(parameters[0]) * (2 * d + 1)
        kept = np.where(total[sums:] > 0, total[sums:], parameters[1 + d + sums :])
        return np.concatenate([parameters[: 1 + d], total[:sums], kept])

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The share of the rows that have no label yet."""
        labels = _read(parameters, rows.data.features.shape[1], rows.data.classes).labels
        return Call(lambda: float(np.mean(labels[rows.numbers] == 0)), Cost(float(len(rows)), 8.0 * len(rows)))

    def probabilities(self, parameters: Array, features: Array) -> Array:
        """P(class | x) of each of ``features`` (n, d), (n, c); of no class more than another before the first step."""
        classes, d = int(parameters[0]), features.shape[1]
        if classes < 1 or len(parameters) <= 1 + d + classes * (2 * d + 1):
            raise ValueError(f"parameters must be those of self_training of {d} features, got {len(parameters)}")
        return _probabilities(_read(parameters, d, classes), features)

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64]:
        """The most probable class of each of ``features`` (n, d): labels (n,)."""
        return np.asarray(self.probabilities(parameters, features).argmax(axis=1))

    def labels(self, parameters: Array, data: Dataset) -> NDArray[np.int64]:
        """The label that each row of the data it learned from has; −1 where it has none."""
        return _read(parameters, data.features.shape[1], data.classes).labels.astype(np.int64) - 1


class _State(NamedTuple):
    """The parts of the parameters."""

    shift: Array
    sums: Array
    labels: Array


def _read(parameters: Array, features: int, classes: int | None) -> _State:
    begin, end = 1 + features, 1 + features + (classes or 0) * (2 * features + 1)
    return _State(parameters[1:begin], parameters[begin:end].reshape(-1, 2 * features + 1), parameters[end:])


def _probabilities(state: _State, features: Array) -> Array:
    shift, sums, _ = state
    counts = sums[:, :1]
    if not counts.any():
        return np.full((len(features), len(sums)), 1 / len(sums))
    there, d = np.flatnonzero(counts[:, 0]), features.shape[1]
    means = sums[there, 1 : d + 1] / counts[there]
    variances = np.maximum(sums[there, d + 1 :] / counts[there] - means**2, 0.0)
    pooled = sums[:, 1:].sum(axis=0) / counts.sum()
    # Where all labelled rows are alike any variance will do, and none would divide by zero.
    variances += (_SMOOTHING * max(float(np.max(pooled[d:] - pooled[:d] ** 2)), 0.0)) or 1.0
    likely = np.full((len(features), len(sums)), -np.inf)
    for place, mean, variance in zip(there, means, variances, strict=True):
        squares = (features - shift - mean) ** 2 / variance + np.log(2 * np.pi * variance)
        likely[:, place] = np.log(counts[place, 0] / counts.sum()) - squares.sum(axis=1) / 2
    exponentials = np.exp(likely - likely.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))
