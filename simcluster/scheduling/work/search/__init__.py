"""Searches of parameters: what is tuned, what is tried, and the searches, a grid among them."""

from simcluster.scheduling.work.search.classifiers import (
    BayesEstimator,
    LogisticEstimator,
    NeighboursEstimator,
    TreeEstimator,
)
from simcluster.scheduling.work.search.estimators import (
    AnyEstimator,
    AnyLearner,
    ForestEstimator,
    KernelEstimator,
    SoftmaxEstimator,
)
from simcluster.scheduling.work.search.grid_search import Combination, GridSearch, Searched
from simcluster.scheduling.work.search.hyperband import Hyperband, brackets
from simcluster.scheduling.work.search.random_search import RandomSearch
from simcluster.scheduling.work.search.rungs import Found, Trial
from simcluster.scheduling.work.search.successive_halving import SuccessiveHalving, halvings

__all__ = [
    "AnyEstimator",
    "AnyLearner",
    "BayesEstimator",
    "Combination",
    "ForestEstimator",
    "Found",
    "GridSearch",
    "Hyperband",
    "KernelEstimator",
    "LogisticEstimator",
    "NeighboursEstimator",
    "RandomSearch",
    "Searched",
    "SoftmaxEstimator",
    "SuccessiveHalving",
    "TreeEstimator",
    "Trial",
    "brackets",
    "halvings",
]
