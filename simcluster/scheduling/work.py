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
    ForestEstimator,
    Found,
    Hyperband,
    KernelEstimator,
    RandomSearch,
    SoftmaxEstimator,
    SuccessiveHalving,
    Trial,
)

AnyWork = Annotated[Work, Open(Work, GridSearch, RandomSearch, SuccessiveHalving, Hyperband, RandomForest, CascadeSvm)]
"""A search, a forest, a cascade, ``Functions`` of a networkx graph, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyEstimator",
    "AnyWork",
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
    "RandomForest",
    "RandomSearch",
    "Range",
    "Searched",
    "SoftmaxEstimator",
    "SuccessiveHalving",
    "Trial",
]
