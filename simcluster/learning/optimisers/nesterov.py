"""Accelerated gradient descent (Nesterov, Soviet Mathematics Doklady 27, 1983)."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.kernels import Call, Cost
from simcluster.learning.optimisers.momentum import Decay
from simcluster.learning.optimisers.rate import Rate, number
from simcluster.learning.protocols import Array


class Nesterov(Spec):
    """W ← Y − η·share·g(Y); Y ← W + β·(W − what W was), β = (t − 1)/t⁺ with t⁺ = (1 + √(1 + 4t²))/2, t from 1 on.

    The parameters of the run are the Y, at which gradients are asked for; Y and W come to the same point. Of a convex
    objective of Lipschitz constant L = 1/η the value comes within 2L·‖W₀ − W*‖²/(k + 1)² of the best in k steps over
    all rows, where descent comes within L·‖W₀ − W*‖²/2k.
    """

    kind: Literal["nesterov"] = "nesterov"
    learning_rate: Rate = 0.1
    """η; ``auto`` is 1/L, with L the Lipschitz constant of the objective's gradient."""
    momentum: Decay | None = None
    """β (``None``: by the sequence t, which needs no convexity constant)."""

    def start(self, parameters: Array) -> Array:
        """W, which is Y, and last t, (p + 1,)."""
        return np.append(parameters.ravel(), 1.0)

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The next Y, and the next W and t."""
        rate, size = number(self.learning_rate) * share, float(parameters.size)

        def moved() -> tuple[Array, Array]:
            before, t = memory[:-1].reshape(parameters.shape), float(memory[-1])
            following = (1 + math.sqrt(1 + 4 * t * t)) / 2
            beta = (t - 1) / following if self.momentum is None else self.momentum
            landed = parameters - rate * gradient
            return landed + beta * (landed - before), np.append(landed.ravel(), following)

        return Call(moved, Cost(flops=5 * size + 8, bytes=8 * (5 * size + 2)))  # three read, two written, and t
