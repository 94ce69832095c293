"""Optimisers: how parameters follow a gradient."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.learning.optimisers.descent import GradientDescent
from simcluster.learning.protocols import Optimiser

AnyOptimiser = Annotated[Optimiser, Open(Optimiser, GradientDescent)]
"""One of the optimisers above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyOptimiser", "GradientDescent"]
