"""Objectives of boosting: where it begins, and the gradient and curvature of each row's loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array

_LEAST = float(np.finfo(np.float64).eps)  # the share of a class that no row is of


class Objective(NamedTuple):
    """A loss of raw predictions F (outputs, n) and targets y (n,)."""

    outputs: Callable[[Dataset], int]
    """How many trees a round grows."""
    baseline: Callable[[Dataset], Array]
    """The constant F with the least loss, (outputs,)."""
    bound: Callable[[Dataset], float]
    """What no gradient exceeds; the curvature never exceeds 1."""
    derivatives: Callable[[Array, NDArray[Any]], tuple[Array, Array]]
    """Gradient and curvature of each row's loss by each output, (outputs, n) each."""
    mean: Callable[[Array, NDArray[Any]], float]
    """The mean loss."""


def objective_of(classes: int | None) -> Objective:
    """Half the squared error of numbers, the log-loss of labels: by one output for two classes, by one each for more.

    Raises ``ValueError`` for labels that are all of one class.
    """
    if classes is None:
        return SQUARED_ERROR
    if classes < 2:
        raise ValueError(f"gradient_boosting needs labels of at least 2 classes, got {classes}")
    return BINARY if classes == 2 else MULTINOMIAL


def probabilities(raw: Array) -> Array:
    """The probability of each class of each row, (classes, n), from F (1, n) of two classes or (classes, n) of more."""
    if len(raw) == 1:
        one = _sigmoid(raw)
        return np.concatenate([_sigmoid(-raw), one])
    shifted = np.exp(raw - raw.max(axis=0))
    return np.asarray(shifted / np.add.reduce(shifted, axis=0))


def _sigmoid(raw: Array) -> Array:
    small = np.exp(-np.abs(raw))
    return np.asarray(np.where(raw >= 0, 1.0, small) / (1.0 + small))


def _shares(data: Dataset) -> Array:
    counts = np.bincount(data.targets, minlength=data.classes or 0)
    return np.asarray(np.clip(counts / len(data), _LEAST, 1 - _LEAST))


def _squared_bound(data: Dataset) -> float:
    """Eight times the range of the targets, as a power of two: residuals beyond it are cut off there."""
    span = float(data.targets.max()) - float(data.targets.min())
    if not math.isfinite(8 * span):
        raise ValueError(f"targets must span less than 1e307, got {data.targets.min()} to {data.targets.max()}")
    return math.ldexp(1.0, math.frexp(8 * span)[1]) if span > 0 else 1.0


def _binary_derivatives(raw: Array, targets: NDArray[Any]) -> tuple[Array, Array]:
    chance = _sigmoid(raw)
    return chance - targets, chance * (1 - chance)


def _multinomial_derivatives(raw: Array, targets: NDArray[Any]) -> tuple[Array, Array]:
    chance = probabilities(raw)
    return chance - (np.arange(len(raw))[:, np.newaxis] == targets), chance * (1 - chance)


def _binary_mean(raw: Array, targets: NDArray[Any]) -> float:
    return float(np.mean(np.logaddexp(0.0, raw[0]) - targets * raw[0]))


def _multinomial_mean(raw: Array, targets: NDArray[Any]) -> float:
    highest = raw.max(axis=0)
    return float(np.mean(np.log(np.exp(raw - highest).sum(axis=0)) + highest - raw[targets, np.arange(len(targets))]))


SQUARED_ERROR = Objective(
    outputs=lambda data: 1,
    baseline=lambda data: np.array([float(np.mean(data.targets))]),
    bound=_squared_bound,
    derivatives=lambda raw, targets: (raw - targets, np.ones_like(raw)),
    mean=lambda raw, targets: float(np.mean((raw[0] - targets) ** 2) / 2),
)
"""(F − y)²/2."""

BINARY = Objective(
    outputs=lambda data: 1,
    baseline=lambda data: np.diff(np.log(_shares(data))),
    bound=lambda data: 1.0,
    derivatives=_binary_derivatives,
    mean=_binary_mean,
)
"""log(1 + e^F) − y·F."""

MULTINOMIAL = Objective(
    outputs=lambda data: data.classes or 0,
    baseline=lambda data: np.log(_shares(data)),
    bound=lambda data: 1.0,
    derivatives=_multinomial_derivatives,
    mean=_multinomial_mean,
)
"""log Σ e^F_k − F_y, with the diagonal p(1 − p) for its curvature."""
