"""Loss and gradient of linear models, in one pass over the rows."""

from __future__ import annotations

import simcluster.kernels._gradient as _gradient
from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.reference import Floats, Integers


def _linear_cost(weights: Floats, features: Floats, targets: Floats, l2: float = 0.0) -> Cost:
    n, d = features.shape
    return Cost(flops=4 * n * d + 3 * n + 6 * d, bytes=8 * (n * d + n + 2 * d))


def _logistic_cost(weights: Floats, features: Floats, labels: Integers, l2: float = 0.0) -> Cost:
    n, d = features.shape
    return Cost(flops=4 * n * d + 10 * n + 6 * d, bytes=8 * (n * d + n + 2 * d))


def _softmax_cost(weights: Floats, features: Floats, labels: Integers, l2: float = 0.0) -> Cost:
    n, d = features.shape
    k = weights.shape[1]
    return Cost(
        flops=4 * n * d * k + 5 * n * k + 5 * n + 6 * d * k, bytes=8 * (n * d + n + 2 * d * k)
    )


@kernel(cost=_linear_cost, reference=reference.least_squares)
def least_squares(
    weights: Floats, features: Floats, targets: Floats, l2: float = 0.0
) -> tuple[float, Floats]:
    """Least squares: the loss 1/2n Σ (x_i·w - y_i)² + l2/2 |w|² and its gradient.

    *weights* (d,), *features* (n, d) with n >= 1, *targets* (n,); all float64 and C-contiguous. Returns
    the loss and the gradient (d,). NaN and infinity in any of them propagate to the result. Raises
    TypeError for another dtype, ValueError for shapes that disagree, no rows, or l2 below 0.
    Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 3.4.1.
    """
    return _gradient.least_squares(weights, features, targets, l2)  # type: ignore[no-any-return]


@kernel(cost=_logistic_cost, reference=reference.logistic)
def logistic(
    weights: Floats, features: Floats, labels: Integers, l2: float = 0.0
) -> tuple[float, Floats]:
    """Logistic regression: loss 1/n Σ log(1 + e^{z_i}) - y_i z_i + l2/2 |w|² and its gradient.

    The margins are z_i = x_i·w; *weights* (d,), *features* (n, d) with n >= 1, *labels* (n,) int64,
    each 0 or 1. Returns the loss and the gradient (d,). Nothing overflows however
    large |z| is. NaN in weights or features propagates.
    Raises TypeError for another dtype, ValueError for shapes that disagree, no rows, another label, or
    l2 below 0. Source: Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 4.4.
    """
    return _gradient.logistic(weights, features, labels, l2)  # type: ignore[no-any-return]


@kernel(cost=_softmax_cost, reference=reference.softmax)
def softmax(
    weights: Floats, features: Floats, labels: Integers, l2: float = 0.0
) -> tuple[float, Floats]:
    """Softmax: loss 1/n Σ log Σ_c e^{z_ic} - z_{i,y_i} + l2/2 |W|² and its gradient.

    The scores are z_i = Wᵀx_i; *weights* (d, k) with k >= 1, *features* (n, d) with n >= 1,
    *labels* (n,) int64 in 0..k-1. Returns the loss and the gradient (d, k). Nothing overflows however
    large |z| is. NaN in weights or features
    propagates. Raises TypeError for another dtype, ValueError for shapes that disagree, no rows, a label
    out of range, or l2 below 0. Source: Bishop, Pattern Recognition and Machine Learning, 4.3.4.
    """
    return _gradient.softmax(weights, features, labels, l2)  # type: ignore[no-any-return]
