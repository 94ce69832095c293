"""Gradient descent (Cauchy 1847; of mini-batches: Robbins & Monro 1951)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from simcluster.engine import Positive, Spec
from simcluster.kernels import Call, Cost
from simcluster.learning.protocols import Array


class GradientDescent(Spec):
    """W ← W − η·share·g."""

    kind: Literal["gradient_descent"] = "gradient_descent"
    learning_rate: Positive = 0.5
    """η."""

    def start(self, parameters: Array) -> Array:
        """Nothing is remembered."""
        return np.empty(0)

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The parameters after a step, or a share of one."""
        rate = self.learning_rate * share
        cost = Cost(flops=2.0 * parameters.size, bytes=24.0 * parameters.size)  # two numbers read, one written
        return Call(lambda: (parameters - rate * gradient, memory), cost)
