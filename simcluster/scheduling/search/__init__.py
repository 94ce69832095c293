"""Searches of parameters: what is tuned, what is tried, and the searches that are more than a grid."""

from simcluster.scheduling.search.classifiers import (
    BayesEstimator,
    LogisticEstimator,
    NeighboursEstimator,
    TreeEstimator,
)
from simcluster.scheduling.search.estimators import (
    AnyEstimator,
    AnyLearner,
    ForestEstimator,
    KernelEstimator,
    SoftmaxEstimator,
)
from simcluster.scheduling.search.hyperband import Hyperband, brackets
from simcluster.scheduling.search.random_search import RandomSearch
from simcluster.scheduling.search.rungs import Found, Trial
from simcluster.scheduling.search.successive_halving import SuccessiveHalving, halvings

__all__ = [
    "AnyEstimator",
    "AnyLearner",
    "BayesEstimator",
    "ForestEstimator",
    "Found",
    "Hyperband",
    "KernelEstimator",
    "LogisticEstimator",
    "NeighboursEstimator",
    "RandomSearch",
    "SoftmaxEstimator",
    "SuccessiveHalving",
    "TreeEstimator",
    "Trial",
    "brackets",
    "halvings",
]
