"""Work: what there is to do, as a graph of tasks."""

from typing import Annotated

from simcluster.engine import Open, Range
from simcluster.scheduling.cascade_svm import Cascaded, CascadeSvm
from simcluster.scheduling.functions import Functions
from simcluster.scheduling.grid_search import Combination, GridSearch, Searched
from simcluster.scheduling.protocols import Work
from simcluster.scheduling.random_forest import Grown, RandomForest
from simcluster.scheduling.search import (
    AnyEstimator,
    AnyLearner,
    BayesEstimator,
    ForestEstimator,
    Found,
    Hyperband,
    KernelEstimator,
    LogisticEstimator,
    NeighboursEstimator,
    RandomSearch,
    SoftmaxEstimator,
    SuccessiveHalving,
    TreeEstimator,
    Trial,
)
from simcluster.scheduling.voting import Voted, VotingEnsemble

AnyWork = Annotated[
    Work,
    Open(Work, GridSearch, RandomSearch, SuccessiveHalving, Hyperband, RandomForest, VotingEnsemble, CascadeSvm),
]
"""A search, a forest, an ensemble, a cascade, ``Functions`` of a networkx graph, or one's own; ``kind`` says which."""

__all__ = [
    "AnyEstimator",
    "AnyLearner",
    "AnyWork",
    "BayesEstimator",
    "CascadeSvm",
    "Cascaded",
    "Combination",
    "ForestEstimator",
    "Found",
    "Functions",
    "GridSearch",
    "Grown",
    "Hyperband",
    "KernelEstimator",
    "LogisticEstimator",
    "NeighboursEstimator",
    "RandomForest",
    "RandomSearch",
    "Range",
    "Searched",
    "SoftmaxEstimator",
    "SuccessiveHalving",
    "TreeEstimator",
    "Trial",
    "Voted",
    "VotingEnsemble",
]
