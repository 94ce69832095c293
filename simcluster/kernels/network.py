"""A dense layer, forward and backward, and softmax cross-entropy. Large products are scipy's BLAS.

Arrays are float64 (labels int64) and C-contiguous. NaN propagates, and so does infinity but for the limits of
relu and tanh, and a score of −∞. TypeError for another dtype; ValueError for shapes that disagree, another
activation, a label out of range.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from simcluster.kernels import reference
from simcluster.kernels.blas import one_thread
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Floats, Integers


@cache
def _network() -> Any:
    """The compiled module. scipy's BLAS comes with it, and half a second: only what trains a network waits for that."""
    return compiled("_network")


Activation = Literal["identity", "relu", "tanh"]


def _forward_cost(inputs: Floats, weights: Floats, bias: Floats, activation: Activation = "relu") -> Cost:
    (n, d), k = inputs.shape, weights.shape[1]
    return Cost(2 * n * d * k + 2 * n * k, 8 * (n * d + d * k + k + n * k))


def _backward_cost(
    inputs: Floats,
    weights: Floats,
    outputs: Floats,
    output_gradient: Floats,
    activation: Activation = "relu",
) -> Cost:
    (n, d), k = inputs.shape, weights.shape[1]
    return Cost(4 * n * d * k + 4 * n * k, 8 * (2 * n * d + 2 * d * k + k + 3 * n * k))


def _is_blas(weights: Floats) -> bool:
    # What is no array is refused further on.
    return bool(getattr(weights, "size", 0) > _network().WITHOUT_BLAS)


def _multiply_adds(inputs: Floats, weights: Floats) -> int:
    # What is no array is refused further on.
    return int(getattr(inputs, "size", 0) * (getattr(weights, "shape", None) or (0,))[-1])


def _cross_entropy_cost(scores: Floats, labels: Integers) -> Cost:
    n, k = scores.shape
    return Cost(6 * n * k + 4 * n, 8 * (2 * n * k + n))


@kernel(cost=_forward_cost, reference=reference.dense_forward)
def dense_forward(inputs: Floats, weights: Floats, bias: Floats, activation: Activation = "relu") -> Floats:
    """A dense layer φ(X W + b): *inputs* (n, d), *weights* (d, k), *bias* (k,); outputs (n, k)."""
    if not _is_blas(weights):
        return _network().dense_forward(inputs, weights, bias, activation)  # type: ignore[no-any-return]
    with one_thread(_multiply_adds(inputs, weights)):
        return _network().dense_forward(inputs, weights, bias, activation)  # type: ignore[no-any-return]


@kernel(cost=_backward_cost, reference=reference.dense_backward)
def dense_backward(
    inputs: Floats,
    weights: Floats,
    outputs: Floats,
    output_gradient: Floats,
    activation: Activation = "relu",
) -> tuple[Floats, Floats, Floats]:
    """The gradients (∂f/∂X (n, d), ∂f/∂W (d, k), ∂f/∂b (k,)) of a dense layer.

    *outputs* (n, k) is what dense_forward returned, *output_gradient* (n, k) is ∂f/∂outputs. Source:
    Rumelhart, Hinton & Williams, Learning representations by back-propagating errors, 1986.
    """
    arguments = inputs, weights, outputs, output_gradient, activation
    if not _is_blas(weights):
        return _network().dense_backward(*arguments)  # type: ignore[no-any-return]
    with one_thread(_multiply_adds(inputs, weights)):
        return _network().dense_backward(*arguments)  # type: ignore[no-any-return]


@kernel(cost=_cross_entropy_cost, reference=reference.softmax_cross_entropy)
def softmax_cross_entropy(scores: Floats, labels: Integers) -> tuple[float, Floats]:
    """Softmax cross-entropy 1/n Σ log Σ_c e^{z_ic} - z_{i,y_i} of scores (n, k), and its gradient (n, k).

    *labels* (n,) int64 in 0..k-1. Nothing overflows however large |z| is.
    """
    return _network().softmax_cross_entropy(scores, labels)  # type: ignore[no-any-return]
