"""Models: what is learned."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.learning.models.gradient_boosting import GradientBoosting
from simcluster.learning.models.kmeans import KMeans
from simcluster.learning.models.softmax import Softmax
from simcluster.learning.protocols import Descends, Solves

AnyModel = Annotated[Descends | Solves, Open((Descends, Solves), Softmax, KMeans, GradientBoosting)]
"""One of the models above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyModel", "GradientBoosting", "KMeans", "Softmax"]
