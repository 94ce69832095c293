"""Models: what is learned."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.learning.models.kmeans import KMeans
from simcluster.learning.models.label_spreading import LabelSpreading
from simcluster.learning.models.mini_batch_kmeans import MiniBatchKMeans
from simcluster.learning.models.power_iteration import PowerIteration
from simcluster.learning.models.principal_components import PrincipalComponents
from simcluster.learning.models.self_training import SelfTraining
from simcluster.learning.models.softmax import Softmax
from simcluster.learning.protocols import Descends, Solves

AnyModel = Annotated[
    Descends | Solves,
    Open(
        (Descends, Solves),
        Softmax,
        KMeans,
        MiniBatchKMeans,
        PrincipalComponents,
        PowerIteration,
        LabelSpreading,
        SelfTraining,
    ),
]
"""One of the models above, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyModel",
    "KMeans",
    "LabelSpreading",
    "MiniBatchKMeans",
    "PowerIteration",
    "PrincipalComponents",
    "SelfTraining",
    "Softmax",
]
