"""The heavy ball (Polyak, Some methods of speeding up the convergence of iteration methods, 1964)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.kernels import Call, momentum_step
from simcluster.learning.optimisers.rate import Rate, number
from simcluster.learning.protocols import Array

Decay = Annotated[float, Field(ge=0, lt=1), NUMBER]
"""How much of what was is kept in a step."""


class Momentum(Spec):
    """v ← β·v + g; W ← W − η·share·v. A constant gradient comes to move W by η/(1 − β) of itself.

    Where contributions count one by one, each is a step for v, and moves W by its share.
    """

    kind: Literal["momentum"] = "momentum"
    learning_rate: Rate = 0.1
    """η; ``auto`` is 1/L, with L the Lipschitz constant of the objective's gradient."""
    momentum: Decay = 0.9
    """β."""

    def start(self, parameters: Array) -> Array:
        """A ball at rest: v is zero, of the shape of the parameters."""
        return np.zeros_like(parameters)

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The next W and v."""
        rate, flat = number(self.learning_rate) * share, gradient.ravel()

        def rolled() -> tuple[Array, Array]:
            moved, velocity = parameters.ravel().copy(), memory.ravel().copy()
            momentum_step(moved, velocity, flat, rate, self.momentum)
            return moved.reshape(parameters.shape), velocity.reshape(parameters.shape)

        return Call(rolled, momentum_step.cost(flat, flat, flat, rate, self.momentum))
