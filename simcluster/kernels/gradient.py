"""Loss and gradient of linear models, in one pass over the rows, of the whole shard or of a mini-batch.

All take weights, features (n, d) and one target or label per row, all float64 (labels and rows int64) and
C-contiguous; *rows* (m,) picks the rows of a mini-batch, repeats allowed, without copying them. The loss is
the mean over the rows plus l2/2 |w|². NaN and infinity in weights, features or targets propagate: loss and
gradient are never both finite of what is not. TypeError for another dtype; ValueError for shapes that disagree, no
rows, a row out of range or a label of one of them, l2 below 0; other labels are not read.
"""

from __future__ import annotations

from functools import lru_cache

from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Floats, Integers

_gradient = compiled("_gradient")


def _linear_cost(flops_per_row: int, features: Floats, rows: Integers | None) -> Cost:
    n, d = features.shape
    n = n if rows is None else len(rows)
    return Cost(4 * n * d + flops_per_row * n + 6 * d, 8 * (n * d + n + 2 * d))


def _least_squares_cost(
    weights: Floats,
    features: Floats,
    targets: Floats,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> Cost:
    return _linear_cost(4, features, rows)


def _huber_cost(
    weights: Floats,
    features: Floats,
    targets: Floats,
    delta: float = 1.0,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> Cost:
    return _linear_cost(8, features, rows)


def _classification_cost(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> Cost:
    return _linear_cost(10, features, rows)


def _softmax_cost(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> Cost:
    n, d = features.shape
    return _softmax_cost_of(n if rows is None else len(rows), d, weights.shape[1])


@lru_cache
def _softmax_cost_of(n: int, d: int, k: int) -> Cost:
    return Cost(4 * n * d * k + 5 * n * k + 5 * n + 6 * d * k, 8 * (n * d + n + 2 * d * k))


@kernel(cost=_least_squares_cost, reference=reference.least_squares)
def least_squares(
    weights: Floats,
    features: Floats,
    targets: Floats,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """Least squares: loss 1/2n Σ (x_i·w - y_i)² + l2/2 |w|² and its gradient (d,).

    Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 3.4.1.
    """
    return _gradient.least_squares(weights, features, targets, l2, rows)  # type: ignore[no-any-return]


@kernel(cost=_huber_cost, reference=reference.huber)
def huber(
    weights: Floats,
    features: Floats,
    targets: Floats,
    delta: float = 1.0,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """Huber's regression: loss 1/n Σ φ(x_i·w - y_i) + l2/2 |w|² and its gradient (d,).

    φ(r) = r²/2 where |r| <= delta, else delta (|r| - delta/2); delta above 0. Source: Huber, Robust
    estimation of a location parameter, 1964.
    """
    return _gradient.huber(weights, features, targets, delta, l2, rows)  # type: ignore[no-any-return]


@kernel(cost=_classification_cost, reference=reference.logistic)
def logistic(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """Logistic regression: loss 1/n Σ log(1 + e^{z_i}) - y_i z_i + l2/2 |w|² and its gradient (d,).

    z_i = x_i·w, labels 0 or 1. Nothing overflows however large |z| is. Source: Hastie, Tibshirani &
    Friedman, The Elements of Statistical Learning, 4.4.
    """
    return _gradient.logistic(weights, features, labels, l2, rows)  # type: ignore[no-any-return]


@kernel(cost=_classification_cost, reference=reference.hinge)
def hinge(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """Hinge loss of a support vector machine: 1/n Σ max(0, 1 - s_i z_i) + l2/2 |w|², a subgradient (d,).

    z_i = x_i·w, labels 0 or 1 stand for s = -1 or 1; at the kink the slope is 0. Source: Cortes & Vapnik,
    Support-vector networks, 1995.
    """
    return _gradient.hinge(weights, features, labels, l2, rows)  # type: ignore[no-any-return]


@kernel(cost=_classification_cost, reference=reference.squared_hinge)
def squared_hinge(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """Squared hinge loss: 1/n Σ max(0, 1 - s_i z_i)² + l2/2 |w|² and its gradient (d,).

    z_i = x_i·w, labels 0 or 1 stand for s = -1 or 1. Source: Fan et al., LIBLINEAR, 2008, L2-loss SVC.
    """
    return _gradient.squared_hinge(weights, features, labels, l2, rows)  # type: ignore[no-any-return]


@kernel(cost=_softmax_cost, reference=reference.softmax)
def softmax(
    weights: Floats,
    features: Floats,
    labels: Integers,
    l2: float = 0.0,
    rows: Integers | None = None,
) -> tuple[float, Floats]:
    """Softmax regression: loss 1/n Σ log Σ_c e^{z_ic} - z_{i,y_i} + l2/2 |W|² and its gradient (d, k).

    z_i = Wᵀx_i, weights (d, k) with k >= 1, labels in 0..k-1. Nothing overflows however large |z| is.
    Source: Bishop, Pattern Recognition and Machine Learning, 4.3.4.
    """
    return _gradient.softmax(weights, features, labels, l2, rows)  # type: ignore[no-any-return]
