"""Work: what there is to do, as a graph of tasks."""

from typing import Annotated

from simcluster.engine import Open, Range
from simcluster.scheduling.protocols import Work
from simcluster.scheduling.work.functions import Functions
from simcluster.scheduling.work.learning import Cascaded, CascadeSvm, Grown, RandomForest, Voted, VotingEnsemble
from simcluster.scheduling.work.search import (
    AnyEstimator,
    AnyLearner,
    BayesEstimator,
    Combination,
    ForestEstimator,
    Found,
    GridSearch,
    Hyperband,
    KernelEstimator,
    LogisticEstimator,
    NeighboursEstimator,
    RandomSearch,
    Searched,
    SoftmaxEstimator,
    SuccessiveHalving,
    TreeEstimator,
    Trial,
)

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
