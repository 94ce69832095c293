"""Updates of parameters in place: a scaled sum, momentum, Adam.

Arrays are float64 and C-contiguous. TypeError for another dtype; ValueError for
shapes that disagree, a read-only array that is to be updated, and for what a kernel refuses.
"""

from __future__ import annotations

import simcluster.kernels._update as _update
from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.reference import Floats


def _axpy_cost(a: float, x: Floats, y: Floats) -> Cost:
    return Cost(2 * len(x), 24 * len(x))


def _momentum_cost(parameters: Floats, velocity: Floats, gradient: Floats, rate: float, momentum: float) -> Cost:
    return Cost(4 * len(gradient), 40 * len(gradient))


def _adam_cost(
    parameters: Floats,
    first: Floats,
    second: Floats,
    gradient: Floats,
    step: int,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Cost:
    return Cost(13 * len(gradient), 56 * len(gradient))


@kernel(cost=_axpy_cost, reference=reference.axpy)
def axpy(a: float, x: Floats, y: Floats) -> None:
    """Update *y* (d,) in place: y += a x, with *x* (d,). NaN propagates."""
    _update.axpy(a, x, y)


@kernel(cost=_momentum_cost, reference=reference.momentum_step)
def momentum_step(parameters: Floats, velocity: Floats, gradient: Floats, rate: float, momentum: float) -> None:
    """Heavy-ball step in place: velocity = momentum velocity + gradient; parameters -= rate velocity.

    All (d,). NaN propagates. Source: Polyak, Some methods of speeding up the convergence, 1964.
    """
    _update.momentum_step(parameters, velocity, gradient, rate, momentum)


@kernel(cost=_adam_cost, reference=reference.adam_step)
def adam_step(
    parameters: Floats,
    first: Floats,
    second: Floats,
    gradient: Floats,
    step: int,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """Adam's step in place, on *parameters*, *first* and *second* moment, all (d,); *step* counts from 1.

    NaN propagates. Source: Kingma & Ba, Adam: a method for stochastic optimization, 2015, algorithm 1.
    """
    _update.adam_step(parameters, first, second, gradient, step, rate, beta1, beta2, epsilon)
