"""The multilayer perceptron: dense layers, trained by back-propagation (Rumelhart, Hinton & Williams, Nature, 1986)."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import Count, NotNegative, Spec
from simcluster.kernels import Call, Cost, softmax_cross_entropy
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.dense_layer import NOTHING, Activation, DenseLayer, backward_pass, forward_pass, pieces
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers


class MultilayerPerceptron(Spec):
    """A multilayer perceptron. Its parameters are one array (p,): of layer after layer the weights and the bias.

    With the same parameters its objective, gradient and predictions are those of scikit-learn's ``MLPClassifier`` and
    ``MLPRegressor`` for alpha = l2·n. What a worker contributes is the sum over its rows, so data parallel training is
    that of one machine on all the rows of a step. Common versions go wrong in three places: they begin with weights of
    zero, under which the units of a layer stay alike for ever; they average workers' means, which weighs the rows of
    small batches more; and they put into φ' = 1 − y² what went into tanh, where y is what came out.
    """

    kind: Literal["multilayer_perceptron"] = "multilayer_perceptron"
    hidden: Annotated[tuple[Count, ...], Field(max_length=100)] = (32,)
    """How many units each hidden layer has; with none it is linear."""
    activation: Literal["relu", "tanh"] = "relu"
    """What a hidden unit makes of its input."""
    objective: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    """What is lowered: the mean softmax cross-entropy of labels, or half the mean squared error of numbers."""
    l2: NotNegative = 1e-4
    """l2/2·‖W‖² is added to the objective, of all weights but the biases."""

    parameter_axes: ClassVar[tuple[str, ...]] = ("p",)

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """Weights at random, by He or Glorot (``DenseLayer.initial``), layer after layer; biases of 0."""
        layers = self.layers(data)
        numbers = math.fsum(layer.size for layer in layers)
        check_numbers("parameters", numbers, f"layers of {[layers[0].inputs, *self.hidden, layers[-1].outputs]}")
        return np.concatenate([layer.initial(generator) for layer in layers])

    def layers(self, data: Dataset) -> tuple[DenseLayer, ...]:
        """The hidden layers and the last one, which is linear. Raises ``ValueError`` where labels are missing."""
        if self.objective == "squared_error":
            return self._layers(data.features.shape[1], 1)
        if data.classes is None:
            raise ValueError("cross_entropy is that of labels, got targets that are none (regression)")
        return self._layers(data.features.shape[1], data.classes)

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The sum of the gradients of the rows' objectives, (p,): forward, slopes, backward."""
        layers = self.layers(rows.data)

        def summed() -> Array:
            if not len(rows):
                return np.zeros_like(parameters)
            passed = forward_pass(layers, parameters, rows.features)()
            return backward_pass(layers, parameters, passed, self.slopes(passed[-1], rows)())()[1]

        blanks = [_blank(rows, layers[0].inputs), *(_blank(rows, layer.outputs) for layer in layers)]
        cost = _forward_cost(layers, parameters, rows) + self.slopes(blanks[-1], rows).cost
        for layer, piece, inputs, outputs in zip(layers, pieces(layers, parameters), blanks, blanks[1:], strict=False):
            cost += layer.backward(piece, inputs, outputs, outputs).cost
        return Call(summed, cost)

    def slopes(self, outputs: Array, rows: Rows) -> Call[Array]:
        """The gradient of Σ rows' losses in what the last layer puts out, (n, k): p − [c = y], or ŷ − y."""
        if self.objective == "squared_error":
            return Call(lambda: outputs - rows.targets[:, np.newaxis], _each(outputs, 1))
        call = softmax_cross_entropy.call(outputs, rows.targets)
        return Call(lambda: len(rows) * call()[1], call.cost + _each(outputs, 1))

    def gradient(self, parameters: Array, total: Array, rows: float) -> Array:
        """∇L = Σ/n: the rows' share of the penalty is in the sum."""
        return total / rows

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean cross-entropy, or half the mean squared error, + l2/2·‖W‖²."""
        layers = self.layers(rows.data)

        def mean() -> float:
            outputs = forward_pass(layers, parameters, rows.features)()[-1]
            if self.objective == "squared_error":
                loss = 0.5 * float(np.mean(np.square(outputs[:, 0] - rows.targets)))
            else:
                loss = float(softmax_cross_entropy(outputs, rows.targets)[0])
            penalties = [layer.penalty(piece) for layer, piece in zip(layers, pieces(layers, parameters), strict=True)]
            return loss + float(np.sum(penalties))

        outputs = _blank(rows, layers[-1].outputs)
        compared = _each(outputs, 3) if self.objective == "squared_error" else self.slopes(outputs, rows).cost
        squares = Cost(2.0 * parameters.size, 8.0 * parameters.size) if self.l2 else NOTHING
        return Call(mean, _forward_cost(layers, parameters, rows) + compared + squares)

    def predict(self, parameters: Array, features: Array) -> NDArray[Any]:
        """The most probable label of each row, int64 (n,), or its number, float64 (n,)."""
        outputs = self._outputs(parameters, features)
        if self.objective == "squared_error":
            return outputs[:, 0]
        return np.asarray(np.argmax(outputs, axis=1), dtype=np.int64)

    def classes_of(self, parameters: Array) -> int | None:
        """None where it predicts numbers; else that depends on how many features there are, which they do not tell."""
        return 0 if self.objective == "squared_error" else None

    def probabilities(self, parameters: Array, features: Array) -> Array:
        """The softmax of what the last layer puts out, (n, k). Raises ``ValueError`` for a model of numbers."""
        if self.objective == "squared_error":
            raise ValueError("probabilities are those of labels, got a model with objective 'squared_error'")
        outputs = self._outputs(parameters, features)
        exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))

    def _outputs(self, parameters: Array, features: Array) -> Array:
        columns = features.shape[1]
        hidden = self._layers(columns, 1)[:-1]
        before = hidden[-1].outputs if hidden else columns
        outputs, rest = divmod(parameters.size - int(np.sum([layer.size for layer in hidden])), before + 1)
        if outputs < 1 or rest:
            rule = f"parameters must be those of hidden layers {self.hidden} after {columns} features"
            raise ValueError(f"{rule}, got {parameters.size}")
        layers = self._layers(columns, int(outputs))
        return forward_pass(layers, parameters, np.ascontiguousarray(features, dtype=np.float64))()[-1]

    def _layers(self, inputs: int, outputs: int) -> tuple[DenseLayer, ...]:
        widths = (inputs, *self.hidden, outputs)
        activations: list[Activation] = [*(self.activation for _ in self.hidden), "identity"]
        return tuple(
            DenseLayer(d, k, activation, self.l2)
            for d, k, activation in zip(widths[:-1], widths[1:], activations, strict=True)
        )


def _blank(rows: Rows, columns: int) -> Array:
    """Numbers of that shape, for what depends on shapes alone."""
    return np.broadcast_to(0.0, (len(rows), columns))


def _forward_cost(layers: tuple[DenseLayer, ...], parameters: Array, rows: Rows) -> Cost:
    cost = NOTHING
    for layer, piece in zip(layers, pieces(layers, parameters), strict=True):
        cost += layer.forward(piece, _blank(rows, layer.inputs)).cost
    return cost


def _each(array: Array, flops: int) -> Cost:
    """So many operations on each number, which is read and written."""
    return Cost(float(flops * array.size), 16.0 * array.size)
