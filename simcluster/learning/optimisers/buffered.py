"""Buffered aggregation: several gradients become one step (FedBuff)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np

from simcluster.engine import Count, Open, Spec
from simcluster.kernels import Call, Cost
from simcluster.learning.optimisers.adam import Adam
from simcluster.learning.optimisers.descent import GradientDescent
from simcluster.learning.optimisers.momentum import Momentum
from simcluster.learning.optimisers.nesterov import Nesterov
from simcluster.learning.protocols import Array, Optimiser


class Buffered(Spec):
    """Parameters stand still until ``size`` gradients have come, and make one whole step of their mean.

    The buffer of FedBuff (Nguyen et al., "Federated learning with buffered asynchronous aggregation", AISTATS 2022),
    as the ``outer`` optimiser of ``LocalSteps`` where contributions count one by one; the mean is by what each counts:
    its share of a step, and a weight by staleness with ``StalenessAware``, of power 0.5 nearly the paper's. Where steps
    count as a whole it is the accumulation of gradients. A buffer of 1 makes a whole step of each contribution.
    """

    kind: Literal["buffered"] = "buffered"
    size: Count = 10
    """How many gradients make a step, K."""
    optimiser: Annotated[Optimiser, Open(Optimiser, GradientDescent, Momentum, Nesterov, Adam)] = GradientDescent(
        learning_rate=1.0
    )
    """Who makes it."""

    def start(self, parameters: Array) -> Array:
        """How many there are, their shares and their sum, (2 + p,), and what the optimiser remembers."""
        return np.concatenate([np.zeros(2 + parameters.size), self.optimiser.start(parameters).ravel()])

    def step(self, parameters: Array, gradient: Array, memory: Array, clock: int, share: float) -> Call[Any]:
        """The parameters as they were, or when the buffer is full those after a step, and an empty buffer."""
        size = parameters.size
        count, shares = memory[0] + 1, memory[1] + share
        added = memory[2 : 2 + size] + share * gradient.ravel()
        cost = Cost(flops=2.0 * size, bytes=24.0 * size)
        if count < self.size:
            return Call(lambda: (parameters, np.concatenate([[count, shares], added, memory[2 + size :]])), cost)
        inner = memory[2 + size :].reshape(self.optimiser.start(parameters).shape)
        mean = (added / shares).reshape(parameters.shape)
        stepped = self.optimiser.step(parameters, mean, inner, clock, 1.0)

        def moved() -> tuple[Array, Array]:
            following, kept = stepped()
            return following, np.concatenate([np.zeros(2 + size), kept.ravel()])

        return Call(moved, cost + stepped.cost)
