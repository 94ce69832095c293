"""Cross-validation of softmax regression: folds, and the three computations that each of them takes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels import Call, Cost, softmax
from simcluster.learning.dataset import Dataset

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Examples(NamedTuple):
    """Features (n, d + 1), the last column all ones, and labels (n,)."""

    features: Floats
    labels: Integers


def stratified_folds(labels: Integers, folds: int, generator: np.random.Generator) -> tuple[Integers, ...]:
    """The row numbers that each of ``folds`` holds back for validation, in order: every row is in exactly one.

    Each class is dealt to the folds in turn, so a fold's share of it differs by at most one row from another's.
    Raises ``ValueError`` unless 2 <= folds <= rows.
    """
    rows = len(labels)
    if not 2 <= folds <= rows:
        raise ValueError(f"folds must be within [2, {rows}] for {rows} rows, got {folds}")
    shuffled = generator.permutation(rows)
    dealt = shuffled[np.argsort(labels[shuffled], kind="stable")]
    return tuple(np.sort(dealt[fold::folds]) for fold in range(folds))


def split(dataset: Dataset, validation: Integers) -> Call[tuple[Examples, Examples]]:
    """Cut ``dataset`` into training and validation rows, both standardised by the mean and spread of the former."""

    def compute() -> tuple[Examples, Examples]:
        training = np.delete(np.arange(len(dataset)), validation)
        mean = dataset.features[training].mean(axis=0)
        spread = dataset.features[training].std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        standard = (dataset.features - mean) / spread
        columns = np.hstack([standard, np.ones((len(standard), 1))])
        return (
            Examples(columns[training], dataset.targets[training]),
            Examples(columns[validation], dataset.targets[validation]),
        )

    # Mean: 1 per feature; spread: 3; shift and scale: 2. Read for each of the three, written once.
    return Call(compute, Cost(flops=6 * dataset.features.size, bytes=8 * 4 * dataset.features.size))


def train(examples: Examples, classes: int, learning_rate: float, l2: float, steps: int) -> Call[Floats]:
    """Weights (d + 1, classes) of softmax regression after ``steps`` of gradient descent from zero."""
    start = np.zeros((examples.features.shape[1], classes))

    def compute() -> Floats:
        weights = start
        for _ in range(steps):
            _, gradient = softmax(weights, examples.features, examples.labels, l2)
            weights = weights - learning_rate * gradient
        return weights

    rows, columns = examples.features.shape
    return Call(compute, training_cost(rows, columns, classes, steps))


def accuracy(weights: Floats, examples: Examples) -> Call[float]:
    """The fraction of ``examples`` whose most probable class under ``weights`` is theirs."""

    def compute() -> float:
        return float(np.mean(np.argmax(examples.features @ weights, axis=1) == examples.labels))

    rows, columns = examples.features.shape
    return Call(compute, accuracy_cost(rows, columns, weights.shape[1]))


def training_cost(rows: int, columns: int, classes: int, steps: int) -> Cost:
    """What ``train`` takes: the kernel and the update of the weights, once per step."""
    weights, features = np.broadcast_to(0.0, (columns, classes)), np.broadcast_to(0.0, (rows, columns))
    update = Cost(flops=2 * columns * classes, bytes=8 * 3 * columns * classes)
    return steps * (softmax.cost(weights, features, np.broadcast_to(np.int64(0), rows)) + update)


def accuracy_cost(rows: int, columns: int, classes: int) -> Cost:
    """What ``accuracy`` takes: one product of matrices and one comparison for each class of each row."""
    return Cost(
        flops=(2 * columns + 1) * rows * classes,
        bytes=8 * (rows * columns + columns * classes + rows * classes),
    )
