"""Softmax regression and its distributed halves: a worker's gradient, a server's descent."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import Positive, Seconds, Spec, stream
from simcluster.kernels import Call, softmax
from simcluster.learning.data import DatasetName, load
from simcluster.learning.partition import Partition, partition

Weights = NDArray[np.float64]


class SoftmaxRegression(Spec):
    """Multinomial logistic regression by (mini-batch) gradient descent.

    ``batch_size`` rows of its shard make a worker's step; ``None`` takes the whole shard.
    """

    kind: Literal["softmax_regression"] = "softmax_regression"
    dataset: DatasetName = "digits"
    partition: Partition = "random"
    learning_rate: Positive = 0.5
    l2: Seconds = 1e-4
    batch_size: Annotated[int, Field(ge=1)] | None = 32

    def prepare(self, workers: int, seed: int) -> SoftmaxTraining:
        """Distribute the data over ``workers``. ``seed`` decides the shards and the batches."""
        return SoftmaxTraining(self, workers, seed)


class SoftmaxTraining:
    """The data of one training run, in shards, with both halves of a step. It holds no state of the run.

    Weights W are (d + 1, k): the last row is the bias.
    """

    def __init__(self, spec: SoftmaxRegression, workers: int, seed: int) -> None:
        dataset = load(spec.dataset)
        self._spec = spec
        self._seed = seed
        self._rows = len(dataset.labels)
        self._classes = dataset.classes
        self._labels = dataset.labels
        self._features = np.hstack([dataset.features, np.ones((self._rows, 1))])
        self._shards = partition(spec.partition, dataset.labels, workers, seed)
        self._orders: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def initial(self) -> Weights:
        """The server's state before the first step: weights of zero, a convex problem's usual start."""
        return np.zeros((self._features.shape[1], self._classes))

    def parameters(self, state: Weights) -> Weights:
        """What a worker needs of the server's state: the weights."""
        return state

    def contribution(self, worker: int, clock: int, parameters: Weights) -> Call[Weights]:
        """The worker's half: the mean gradient over its batch of step ``clock``.

        The batch depends on seed, worker and clock only, so a step that is done again is the same step. A whole
        shard counts by its share of all rows, so that the mean over workers is the full gradient.
        """
        shard = self._shards[worker]
        spec = self._spec
        if spec.batch_size is None or spec.batch_size >= len(shard):
            batch, weight = shard, len(shard) * len(self._shards) / self._rows
        else:
            batch, weight = self._batch(worker, clock, spec.batch_size), 1.0
        call = softmax.call(parameters, self._features[batch], self._labels[batch], spec.l2)
        return Call(lambda: weight * call()[1], call.cost)

    def fold(self, state: Weights, worker: int, contribution: Weights, share: float) -> Weights:
        """The server's half: W ← W − η·share·g."""
        return state - (self._spec.learning_rate * share) * contribution

    @property
    def contribution_size(self) -> int:
        """How many numbers one contribution has: (d + 1)·k."""
        return int(self._features.shape[1]) * self._classes

    def loss(self, parameters: Weights) -> float:
        """The objective over all rows: mean cross-entropy + l2/2·‖W‖²."""
        return float(softmax(parameters, self._features, self._labels, self._spec.l2)[0])

    def accuracy(self, parameters: Weights) -> float:
        """The share of all rows whose most probable class is their label."""
        return float(np.mean(np.argmax(self._features @ parameters, axis=1) == self._labels))

    def _batch(self, worker: int, clock: int, size: int) -> NDArray[np.int64]:
        shard = self._shards[worker]
        per_epoch = len(shard) // size
        epoch, place = divmod(clock, per_epoch)
        known = self._orders.get(worker)
        if known is None or known[0] != epoch:
            known = self._orders[worker] = (epoch, stream(self._seed, "batch", worker, epoch).permutation(shard))
        return known[1][place * size : (place + 1) * size]
