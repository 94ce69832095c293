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
    A class attribute ``needs_whole_steps`` that is true refuses all that would leave rows out of a step. A method
    ``refuses(job)``, which need not be, says for what else a training job makes no sense with it, or ``None``.
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
    """A model that goes down a gradient, by an ``Optimiser``.

    An automatic ``learning_rate`` asks for a method ``smoothness(data)``, which need not be: the Lipschitz constant of
    the objective's gradient.
    """

    def gradient(self, parameters: Array, total: Array, rows: float) -> Array:
        """The gradient of the objective, from the ``total`` contribution of so many rows."""
        ...


class Linear(Descends, Protocol):
    """A model of scores z = xᵀW + b, whose parameters are (d + 1,) or (d + 1, k), b last.

    So it can be learned where each node has some of the columns: a gradient is that of the rows' losses in their
    scores, times the columns. Its ``gradient`` may be asked of some of the rows of W, the last of them b.
    """

    def score_slopes(self, scores: Array, rows: Rows) -> Call[Array]:
        """The gradient of the sum of the rows' losses in their scores, of the shape of these, (n,) or (n, k)."""
        ...


class Solves(Model, Protocol):
    """A model whose next parameters are a closed form, such as Lloyd's step of k-means.

    What that takes is estimated by ``call``, or said by a method ``update_cost``, which need not be: of the arguments
    of ``update`` it gives a ``Cost``.
    """

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """The next parameters, from the ``total`` contribution of so many rows."""
        ...


class Predicts(Model, Protocol):
    """A model that says what it expects of rows that it has not seen; a model need not be one.

    A clusterer, whose whole numbers are no labels of the data, has ``predicts = "clusters"`` beside it. A method
    ``classes_of(parameters)``, which need not be, says of how many classes its labels are, 0 where they are none, or
    ``None`` where the parameters do not tell: what is saved with another number of classes is refused. So are
    parameters of another number of axes than a class attribute ``parameter_axes`` names, as ``("d + 1", "k")``.
    """

    def predict(self, parameters: Array, features: Array) -> NDArray[Any]:
        """What it expects of the rows with these features (n, d): labels or clusters, int64, or values, float64 (n,).

        Pure, of features as the data has them, without a column of ones.
        """
        ...


class PredictsProbabilities(Predicts, Protocol):
    """A classifier that says how sure it is."""

    def probabilities(self, parameters: Array, features: Array) -> Array:
        """The probability of each class for the rows with these features (n, d): (n, k), each row adds up to 1."""
        ...


class Layer(Protocol):
    """One layer of a network: pure functions of its parameters (size,) and of what the layer before puts out."""

    @property
    def size(self) -> int:
        """How many parameters it has."""
        ...

    def forward(self, parameters: Array, inputs: Array) -> Call[Array]:
        """What it puts out, (n, k), of inputs (n, d)."""
        ...

    def backward(self, parameters: Array, inputs: Array, outputs: Array, slopes: Array) -> Call[tuple[Array, Array]]:
        """The gradients of a sum over the rows, in the inputs (n, d) and in the parameters (size,).

        ``slopes`` (n, k) is its gradient in the outputs.
        """
        ...


class LayeredModel(Descends, Protocol):
    """A model of layers, so that it can be cut between them; its parameters are (p,), those of layer after layer.

    Its ``gradient`` may be asked of some of the layers only: of their parameters and the total of these.
    """

    def layers(self, data: Dataset) -> Sequence[Layer]:
        """The layers, from the features on."""
        ...

    def slopes(self, outputs: Array, rows: Rows) -> Call[Array]:
        """The gradient of the sum of the rows' losses in what the last layer puts out, (n, k)."""


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
    """Which rows lie on which node; a plain function serves.

    A method ``holders(workers)``, which need not be, says which workers have each of as many shards, its own first, as
    ``Replicated`` does.
    """

    def __call__(self, data: Dataset, shares: Array, generator: np.random.Generator) -> Sequence[Integers]:
        """Row numbers of each shard, every row in exactly one; ``shares`` (m,), which add up to 1, say how many."""
        ...


class Initialisation(Protocol):
    """Where the centres of k-means begin; a plain function serves."""

    def __call__(self, data: Dataset, clusters: int, generator: np.random.Generator) -> Array:
        """As many centres as ``clusters``, (k, d). Raises ``ValueError`` for data that has not so many."""
        ...


class Optimiser(Protocol):
    """How parameters follow a gradient. What it remembers is an array, so that a checkpoint can hold it.

    A class attribute ``needs_whole_steps`` that is true refuses all that would leave rows out of a step. A method
    ``refuses(job)``, which need not be, says for what else a training job makes no sense with it, or ``None``. Neither
    is asked beside a model without a ``gradient``, which needs no optimiser. A method ``delayed_step``, which need not
    be, is called instead of ``step`` for a contribution that counts by itself: it is given one more argument, the
    parameters that the contribution was computed at.
    """

    def start(self, parameters: Array) -> Array:
        """What it remembers before the first step."""
        ...

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The next parameters and the next memory.

        ``clock`` counts complete steps; ``share`` is how much of one this is: 1, or less where a contribution is
        taken in by itself.
        """
        ...
