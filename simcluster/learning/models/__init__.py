"""Models: what is learned."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.learning.models.gradient_boosting import GradientBoosting
from simcluster.learning.models.kmeans import KMeans
from simcluster.learning.models.label_spreading import LabelSpreading
from simcluster.learning.models.linear_regression import LinearRegression
from simcluster.learning.models.linear_svm import LinearSvm
from simcluster.learning.models.logistic_regression import LogisticRegression
from simcluster.learning.models.mini_batch_kmeans import MiniBatchKMeans
from simcluster.learning.models.multilayer_perceptron import MultilayerPerceptron
from simcluster.learning.models.normal_equations import NormalEquations
from simcluster.learning.models.power_iteration import PowerIteration
from simcluster.learning.models.principal_components import PrincipalComponents
from simcluster.learning.models.self_training import SelfTraining
from simcluster.learning.models.softmax import Softmax
from simcluster.learning.protocols import Descends, LayeredModel, Solves

AnyModel = Annotated[
    Descends | Solves,
    Open(
        (Descends, Solves),
        Softmax,
        KMeans,
        LinearRegression,
        LogisticRegression,
        LinearSvm,
        NormalEquations,
        MultilayerPerceptron,
        GradientBoosting,
        MiniBatchKMeans,
        PrincipalComponents,
        PowerIteration,
        LabelSpreading,
        SelfTraining,
    ),
]
"""One of the models above, or one's own; in a file ``kind`` says which."""

AnyLayeredModel = Annotated[LayeredModel, Open(LayeredModel, MultilayerPerceptron)]
"""The model above that has layers, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyLayeredModel",
    "AnyModel",
    "GradientBoosting",
    "KMeans",
    "LabelSpreading",
    "LinearRegression",
    "LinearSvm",
    "LogisticRegression",
    "MiniBatchKMeans",
    "MultilayerPerceptron",
    "NormalEquations",
    "PowerIteration",
    "PrincipalComponents",
    "SelfTraining",
    "Softmax",
]
