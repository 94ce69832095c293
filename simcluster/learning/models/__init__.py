"""Models: what is learned."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.learning.models.kmeans import KMeans
from simcluster.learning.models.multilayer_perceptron import MultilayerPerceptron
from simcluster.learning.models.softmax import Softmax
from simcluster.learning.protocols import Descends, LayeredModel, Solves

AnyModel = Annotated[Descends | Solves, Open((Descends, Solves), Softmax, KMeans, MultilayerPerceptron)]
"""One of the models above, or one's own; in a file ``kind`` says which."""

AnyLayeredModel = Annotated[LayeredModel, Open(LayeredModel, MultilayerPerceptron)]
"""The model above that has layers, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyLayeredModel", "AnyModel", "KMeans", "MultilayerPerceptron", "Softmax"]
