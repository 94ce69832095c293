"""What learning is made of: a model, where its data comes from, how data lies on nodes, how parameters descend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels import Call
from simcluster.learning.dataset import Dataset, Rows

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


class Model(Protocol):
    """What is learned: it knows rows and parameters, and nothing of data sets, workers, optimisers or time.

    Parameters and contributions are arrays of float64, each of one shape throughout. All methods are pure functions.
    """

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """The parameters before the first step. Raises ``ValueError`` for data that it cannot learn from."""
        ...

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """What these rows say at these parameters: a sum over the rows, so that it adds up over disjoint ones."""
        ...

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The objective over these rows."""
        ...


class Descends(Model, Protocol):
    """A model that goes down a gradient, by an ``Optimiser``."""

    def gradient(self, parameters: Array, total: Array, rows: float) -> Array:
        """The gradient of the objective, from the ``total`` contribution of so many rows."""
        ...


class Solves(Model, Protocol):
    """A model whose next parameters are a closed form, such as Lloyd's step of k-means.

    It may also have ``update_cost(parameters, total)``, the ``Cost`` of ``update`` where that is more than one pass
    over the numbers that it is given, such as the solution of an equation.
    """

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """The next parameters, from the ``total`` contribution of so many rows."""
        ...


class DataSource(Protocol):
    """Where data comes from."""

    def load(self, seed: int) -> Dataset:
        """The data; only what is made at random depends on ``seed``."""
        ...


class Sharding(Protocol):
    """Which rows lie on which node; a plain function serves."""

    def __call__(self, data: Dataset, shares: Array, generator: np.random.Generator) -> Sequence[Integers]:
        """Row numbers of each shard, every row in exactly one; ``shares`` (m,), which add up to 1, say how many."""
        ...


class Initialisation(Protocol):
    """Where the centres of k-means begin; a plain function serves."""

    def __call__(self, data: Dataset, clusters: int, generator: np.random.Generator) -> Array:
        """As many centres as ``clusters``, (k, d). Raises ``ValueError`` for data that has not so many."""
        ...


class Optimiser(Protocol):
    """How parameters follow a gradient. What it remembers is an array, so that a checkpoint can hold it."""

    def start(self, parameters: Array) -> Array:
        """What it remembers before the first step."""
        ...

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The next parameters and the next memory.

        ``clock`` counts complete steps; ``share`` is how much of one this is: 1, or less where a contribution is
        taken in by itself.
        """
        ...
