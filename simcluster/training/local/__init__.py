"""Local work: what a worker does by itself before it contributes."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.local.displacements import Displacements
from simcluster.training.local.elastic_averaging import ElasticAveraging
from simcluster.training.local.learner import Learner
from simcluster.training.local.local_steps import LocalSteps
from simcluster.training.protocols import Local

AnyLocal = Annotated[Local, Open(Local, LocalSteps, ElasticAveraging)]
"""One of the rules above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyLocal", "Displacements", "ElasticAveraging", "Learner", "LocalSteps"]
