"""Optimisers: how parameters follow a gradient."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.learning.optimisers.adam import Adam
from simcluster.learning.optimisers.buffered import Buffered
from simcluster.learning.optimisers.delay_compensated import DelayCompensated
from simcluster.learning.optimisers.descent import GradientDescent
from simcluster.learning.optimisers.lbfgs import Lbfgs
from simcluster.learning.optimisers.momentum import Momentum
from simcluster.learning.optimisers.nesterov import Nesterov
from simcluster.learning.optimisers.rate import fitted
from simcluster.learning.protocols import Optimiser

AnyOptimiser = Annotated[
    Optimiser, Open(Optimiser, GradientDescent, Momentum, Nesterov, Adam, Lbfgs, DelayCompensated, Buffered)
]
"""One of the optimisers above, or one's own; in a file ``kind`` says which."""

__all__ = [
    "Adam",
    "AnyOptimiser",
    "Buffered",
    "DelayCompensated",
    "GradientDescent",
    "Lbfgs",
    "Momentum",
    "Nesterov",
    "fitted",
]
