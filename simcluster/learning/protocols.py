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
    """A model whose next parameters are a closed form, such as Lloyd's step of k-means."""

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """The next parameters, from the ``total`` contribution of so many rows."""
        ...


class Condenses(Solves, Protocol):
    """A model whose step needs no more of each part of a total than a few numbers, as the best split of some features.

    A part is a total from ``first`` on along its first axis, and may be none of it. Of each part something may have to
    be remembered from step to step: the memory, empty at first, is of one part and never sent.
    """

    def condense(self, parameters: Array, part: Array, first: int, memory: Array) -> tuple[Array, Array]:
        """What a part says, of one shape, and the memory for the next step; NaN and none where it is missing now."""
        ...

    def whole(self, parameters: Array, rows: Rows) -> Call[Array]:
        """A contribution whose total can be condensed without memory."""
        ...

    def conclude(self, parameters: Array, said: Array, rows: float) -> Array:
        """The next parameters, from what each part of the total says, (parts, …), in their order."""
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
