"""Gradient descent (Cauchy 1847; of mini-batches: Robbins & Monro 1951)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from simcluster.engine import NotNegative, Spec
from simcluster.kernels import Call, Cost
from simcluster.kernels.expressions import minus_scaled
from simcluster.learning.optimisers.rate import Rate, number
from simcluster.learning.protocols import Array


class GradientDescent(Spec):
    """W ← W − η·share·g/(1 + decay·clock).

    Batch, mini-batch or stochastic descent by the job's ``batch_size``: none, some or 1. Batches at one rate end up
    circling the optimum; with a rate that decays they come to it (Robbins & Monro; with decay = η·l2 it is that of
    Bottou, "Stochastic gradient descent tricks", 2012).
    """

    kind: Literal["gradient_descent"] = "gradient_descent"
    learning_rate: Rate = 0.5
    """η; ``auto`` is 1/L, with L the Lipschitz constant of the objective's gradient."""

    decay: NotNegative = 0.0
    """How the rate falls with the steps: after 1/decay of them it is half of what it was."""

    def start(self, parameters: Array) -> Array:
        """Nothing is remembered."""
        return np.empty(0)

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The parameters after a step, or a share of one."""
        rate = number(self.learning_rate) / (1 + self.decay * clock) * share
        cost = Cost(flops=2.0 * parameters.size, bytes=24.0 * parameters.size)  # two numbers read, one written
        return Call(lambda: (minus_scaled(parameters, rate, gradient), memory), cost)
