"""The kernels in NumPy: the executable specification, written to be read and not to be fast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def least_squares(
    weights: Floats, features: Floats, targets: Floats, l2: float = 0.0
) -> tuple[float, Floats]:
    """Loss 1/2n Σ (x·w - y)² + l2/2 |w|² and its gradient."""
    residuals = features @ weights - targets
    loss = 0.5 * np.mean(residuals**2) + 0.5 * l2 * weights @ weights
    return float(loss), features.T @ residuals / len(features) + l2 * weights


def logistic(
    weights: Floats, features: Floats, labels: Integers, l2: float = 0.0
) -> tuple[float, Floats]:
    """Loss 1/n Σ log(1 + e^z) - y z + l2/2 |w|² with z = x·w, and its gradient."""
    margins = features @ weights
    small = np.exp(-np.abs(margins))
    probabilities = np.where(margins >= 0, 1.0, small) / (1.0 + small)
    # log(1+e^z) - y z, with the large part cancelled by hand: z(1-y) for z >= 0, else -z y
    losses = np.log1p(small) + np.where(margins >= 0, margins * (1 - labels), -margins * labels)
    loss = np.mean(losses) + 0.5 * l2 * weights @ weights
    return float(loss), features.T @ (probabilities - labels) / len(features) + l2 * weights


def softmax(
    weights: Floats, features: Floats, labels: Integers, l2: float = 0.0
) -> tuple[float, Floats]:
    """Loss 1/n Σ log Σ_c e^{z_c} - z_y + l2/2 |W|² with z = Wᵀx, and its gradient."""
    n = len(features)
    scores = features @ weights
    scores = scores - scores.max(axis=1, keepdims=True)
    exponentials = np.exp(scores)
    totals = exponentials.sum(axis=1)
    loss = np.mean(np.log(totals) - scores[np.arange(n), labels]) + 0.5 * l2 * np.sum(weights**2)
    errors = exponentials / totals[:, None]
    errors[np.arange(n), labels] -= 1.0
    return float(loss), features.T @ errors / n + l2 * weights


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Σ_c (a_ic - b_jc)² for every row of a and every row of b."""
    return (
        np.stack([np.sum((a - row) ** 2, axis=1) for row in b], axis=1)
        if len(b)
        else np.empty((len(a), 0))
    )


def nearest_centre(points: Floats, centres: Floats) -> tuple[Integers, Floats, Floats, float]:
    """For each point the nearest centre; for each centre the sum and the count of its points."""
    distances = squared_distances(points, centres)
    labels = distances.argmin(axis=1).astype(np.int64)
    counts = np.bincount(labels, minlength=len(centres)).astype(np.float64)
    sums = np.zeros_like(centres)
    np.add.at(sums, labels, points)
    return labels, sums, counts, float(distances.min(axis=1).sum())
