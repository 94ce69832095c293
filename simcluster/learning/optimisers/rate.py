"""The learning rate: a number, or what the steepness of the objective says."""

from __future__ import annotations

from typing import Any, Literal, cast

from simcluster.engine import Positive
from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Optimiser

Rate = Positive | Literal["auto"]
"""``auto`` is 1/L, L being the Lipschitz constant of the objective's gradient over all rows."""


def fitted(optimiser: Optimiser, model: Any, data: Dataset) -> Optimiser:
    """The optimiser itself, or one of the rate 1/L where its ``learning_rate`` is ``auto`` (Nesterov 2004, 2.1.5).

    L is the model's ``smoothness`` of these data: a step of descent over all rows that is 1/L long never goes up, and
    one of more than 2/L may. It is found before a run begins, as data is loaded and dealt, and takes no
    simulated time; sums of (d + 1)² numbers over the rows, those of ``NormalEquations``, would bring it in one round.
    A batch may be steeper than the whole: with batches it is a start, and no promise. A model that has no gradient
    needs no rate. Raises ``ValueError`` for one that has, and does not know its smoothness.
    """
    if getattr(optimiser, "learning_rate", None) != "auto" or not hasattr(model, "gradient"):
        return optimiser
    name = type(model).__name__
    if not hasattr(model, "smoothness"):
        raise ValueError(f"learning_rate must be a number for a model without smoothness, got 'auto' for {name}")
    return cast(Optimiser, cast(Any, optimiser).replace(learning_rate=1.0 / model.smoothness(data)))


def number(rate: Rate) -> float:
    """The rate as a number. Raises ``ValueError`` for ``auto``, which ``fitted`` makes a number of."""
    if isinstance(rate, str):
        raise ValueError(f"learning_rate must be a number when a step is made, got {rate!r}")
    return rate
