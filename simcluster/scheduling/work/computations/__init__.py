"""What the tasks of a shape compute: time alone, or something real."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.protocols import Computation
from simcluster.scheduling.work.computations.fit import Fit
from simcluster.scheduling.work.computations.gradient_descent import GradientSteps
from simcluster.scheduling.work.computations.synthetic import Synthetic

AnyComputation = Annotated[Computation, Open(Computation, Synthetic, GradientSteps, Fit)]
"""A computation of this folder, or one's own, also a plain function; in a file ``kind`` says which."""

__all__ = ["AnyComputation", "Fit", "GradientSteps", "Synthetic"]
