"""Learning: models, the data that they learn from and how it lies on nodes, and how their parameters descend."""

from simcluster.kernels import Call, Cost, call
from simcluster.learning.data import (
    AnyData,
    AnySharding,
    Bundled,
    Csv,
    DatasetName,
    Generated,
    MissingFile,
    Parquet,
    arrays,
    by_key,
    frame,
    ordered,
    random,
    shard,
)
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.models import AnyModel, KMeans, Softmax
from simcluster.learning.neighbours import Neighbours, NeighbourShard, merge
from simcluster.learning.optimisers import AnyOptimiser, GradientDescent
from simcluster.learning.protocols import Array, DataSource, Descends, Model, Optimiser, Sharding, Solves
from simcluster.learning.softmax_regression import SoftmaxRegression
from simcluster.learning.support_vectors import KernelMachine, KernelSolver, Vectors
from simcluster.learning.trees import Forest, Growth, Tree

__all__ = [
    "AnyData",
    "AnyModel",
    "AnyOptimiser",
    "AnySharding",
    "Array",
    "Bundled",
    "Call",
    "Cost",
    "Csv",
    "DataSource",
    "Dataset",
    "DatasetName",
    "Descends",
    "Forest",
    "Generated",
    "GradientDescent",
    "Growth",
    "KMeans",
    "KernelMachine",
    "KernelSolver",
    "MissingFile",
    "Model",
    "NeighbourShard",
    "Neighbours",
    "Optimiser",
    "Parquet",
    "Rows",
    "Sharding",
    "Softmax",
    "SoftmaxRegression",
    "Solves",
    "Tree",
    "Vectors",
    "arrays",
    "by_key",
    "call",
    "frame",
    "merge",
    "ordered",
    "random",
    "shard",
]
