"""A dense layer of a neural network, and chains of layers: forward, and backward (Rumelhart et al., Nature, 1986)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simcluster.kernels import Call, Cost, dense_backward, dense_forward
from simcluster.learning.protocols import Array, Layer

Activation = Literal["identity", "relu", "tanh"]
NOTHING = Cost(0.0, 0.0)


@dataclass(frozen=True)
class DenseLayer:
    """Y = φ(X W + 1 bᵀ). In the array of parameters W (d, k) lies row by row, and then b (k,)."""

    inputs: int
    outputs: int
    activation: Activation
    l2: float = 0.0

    @property
    def size(self) -> int:
        """How many parameters it has, (d + 1)·k."""
        return (self.inputs + 1) * self.outputs

    def weights(self, parameters: Array) -> Array:
        """W (d, k), a view of ``parameters`` (size,)."""
        return parameters[: -self.outputs].reshape(self.inputs, self.outputs)

    def initial(self, generator: np.random.Generator) -> Array:
        """Parameters whose outputs have the spread of their inputs; biases are 0.

        For relu W is normal with variance 2/d (He et al., "Delving deep into rectifiers", ICCV 2015), else uniform
        within ±√(6/(d + k)) (Glorot & Bengio, AISTATS 2010).
        """
        shape = self.inputs, self.outputs
        if self.activation == "relu":
            weights = generator.normal(0.0, math.sqrt(2 / self.inputs), shape)
        else:
            bound = math.sqrt(6 / (self.inputs + self.outputs))
            weights = generator.uniform(-bound, bound, shape)
        return np.concatenate([weights.ravel(), np.zeros(self.outputs)])

    def forward(self, parameters: Array, inputs: Array) -> Call[Array]:
        """Y (n, k) of X (n, d)."""
        bias = parameters[-self.outputs :]
        return dense_forward.call(inputs, self.weights(parameters), bias, self.activation)

    def backward(self, parameters: Array, inputs: Array, outputs: Array, slopes: Array) -> Call[tuple[Array, Array]]:
        """∂f/∂X (n, d) and ∂f/∂θ (size,) + n·l2·W from ∂f/∂Y (n, k), ``slopes``; Y is what ``forward`` gave for X.

        Each row brings its share of the penalty, so that the sum over rows is all that has to travel.
        """
        weights, decay = self.weights(parameters), len(inputs) * self.l2
        call = dense_backward.call(inputs, weights, outputs, slopes, self.activation)

        def gradients() -> tuple[Array, Array]:
            before, of_weights, of_bias = call()
            if decay:
                of_weights += decay * weights
            return before, np.concatenate([of_weights.ravel(), of_bias])

        return Call(gradients, call.cost + (_decay_cost(weights.size) if decay else NOTHING))

    def penalty(self, parameters: Array) -> float:
        """l2/2·‖W‖²; biases are free (Goodfellow, Bengio & Courville, Deep Learning, 7.1)."""
        return 0.5 * self.l2 * float(np.sum(np.square(self.weights(parameters)))) if self.l2 else 0.0


def pieces(layers: Sequence[Layer], parameters: Array) -> list[Array]:
    """The parameters of each layer, views of ``parameters``."""
    return np.split(parameters, np.cumsum([layer.size for layer in layers])[:-1])


def forward_pass(layers: Sequence[Layer], parameters: Array, inputs: Array) -> Call[list[Array]]:
    """The inputs and what each of the layers puts out, one after the other."""
    passed, cost = [inputs], NOTHING
    for layer, piece in zip(layers, pieces(layers, parameters), strict=True):
        call = layer.forward(piece, passed[-1])
        passed.append(call())
        cost += call.cost
    return Call(lambda: passed, cost)


def backward_pass(
    layers: Sequence[Layer], parameters: Array, passed: Sequence[Array], slopes: Array
) -> Call[tuple[Array, Array]]:
    """∂f/∂inputs, and ∂f/∂parameters of all the layers, from ∂f/∂outputs; ``passed`` is what ``forward_pass`` gave."""
    gradients, cost = [], NOTHING
    places = zip(layers, pieces(layers, parameters), passed[:-1], passed[1:], strict=True)
    for layer, piece, inputs, outputs in reversed(list(places)):
        call = layer.backward(piece, inputs, outputs, slopes)
        slopes, gradient = call()
        gradients.append(gradient)
        cost += call.cost
    return Call(lambda: (slopes, np.concatenate(gradients[::-1])), cost)


def _decay_cost(size: int) -> Cost:
    return Cost(flops=2.0 * size, bytes=24.0 * size)
