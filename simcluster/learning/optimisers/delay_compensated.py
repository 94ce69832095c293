"""Descent that knows how stale a gradient is, and corrects for it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from simcluster.engine import NotNegative, Spec
from simcluster.kernels import Call, Cost
from simcluster.learning.optimisers.momentum import Decay
from simcluster.learning.optimisers.rate import Rate, number
from simcluster.learning.protocols import Array

_EPSILON = 1e-7


class DelayCompensated(Spec):
    """W ← W − η·share·(g + λ·g⊙g⊙(W − W′)), g being the gradient at W′ (Zheng et al., "DC-ASGD", ICML 2017).

    λ·g⊙g stands for the Hessian's diagonal. The server keeps what it has given to each worker until that comes back;
    what a crash has made it forget is not compensated. Of whole steps W′ is W, and this is ``GradientDescent``.
    """

    kind: Literal["delay_compensated"] = "delay_compensated"
    learning_rate: Rate = 0.5
    """η; ``auto`` is 1/L, with L the Lipschitz constant of the objective's gradient."""
    compensation: NotNegative = 0.04
    """λ, or λ₀; 0 is ``GradientDescent``."""
    mean_square: Decay | None = None
    """m of the mean square s ← m·s + (1 − m)·g⊙g by which λ = λ₀/√(s + 10⁻⁷) (DC-ASGD-a; ``None``: λ is λ₀)."""

    def start(self, parameters: Array) -> Array:
        """The mean square, of the shape of the parameters, if there is one."""
        return np.empty(0) if self.mean_square is None else np.zeros_like(parameters)

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The parameters after a step, or a share of one, by a gradient that is not stale."""
        return self.delayed_step(parameters, gradient, memory, clock, share, parameters)

    def delayed_step(
        self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float, read: Array
    ) -> Call[Any]:
        """The same by a gradient at the parameters ``read``."""
        rate, size = number(self.learning_rate) * share, float(parameters.size)

        def moved() -> tuple[Array, Array]:
            square, kept = gradient * gradient, memory
            strength: Any = self.compensation
            if self.mean_square is not None:
                kept = self.mean_square * memory + (1 - self.mean_square) * square
                strength = self.compensation / np.sqrt(kept + _EPSILON)
            return parameters - rate * (gradient + strength * square * (parameters - read)), kept

        adaptive = self.mean_square is not None
        # Three numbers read, one written; a mean square is one more of each.
        return Call(moved, Cost(flops=(13.0 if adaptive else 7.0) * size, bytes=(48.0 if adaptive else 32.0) * size))
