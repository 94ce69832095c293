"""Adam (Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from simcluster.engine import Positive, Spec
from simcluster.kernels import Call, adam_step
from simcluster.learning.optimisers.momentum import Decay
from simcluster.learning.protocols import Array


class Adam(Spec):
    """Each number moves by η·share·m̂/(√v̂ + ε): moments of its gradient, corrected for beginning at zero (algorithm 1).

    A step is about η long for each number, however great its gradient. Where contributions count one by one, each is a
    step for the moments. Code that leaves the correction out takes first steps (1 − β₁)/√(1 − β₂) times as long.
    """

    kind: Literal["adam"] = "adam"
    learning_rate: Positive = 0.001
    """η."""
    beta1: Decay = 0.9
    """How much of the mean of gradients is kept in a step."""
    beta2: Decay = 0.999
    """How much of the mean of their squares is kept in a step."""
    epsilon: Positive = 1e-8
    """ε, which keeps the quotient finite."""

    def start(self, parameters: Array) -> Array:
        """How many steps were done, and the two moments, (1 + 2p,)."""
        return np.zeros(1 + 2 * parameters.size)

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The next parameters, and the next moments."""
        size, flat = parameters.size, gradient.ravel()
        done = int(memory[0]) + 1
        given = done, self.learning_rate * share, self.beta1, self.beta2, self.epsilon

        def moved() -> tuple[Array, Array]:
            following, kept = parameters.ravel().copy(), memory.copy()
            kept[0] = done
            adam_step(following, kept[1 : 1 + size], kept[1 + size :], flat, *given)
            return following.reshape(parameters.shape), kept

        return Call(moved, adam_step.cost(flat, flat, flat, flat, *given))
