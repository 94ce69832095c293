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
from simcluster.learning.models import AnyModel, GradientBoosting, KMeans, Softmax
from simcluster.learning.neighbours import Neighbours, NeighbourShard, merge
from simcluster.learning.optimisers import AnyOptimiser, GradientDescent
from simcluster.learning.protocols import Array, Condenses, DataSource, Descends, Model, Optimiser, Sharding, Solves
from simcluster.learning.softmax_regression import SoftmaxRegression

__all__ = [
    "AnyData",
    "AnyModel",
    "AnyOptimiser",
    "AnySharding",
    "Array",
    "Bundled",
    "Call",
    "Condenses",
    "Cost",
    "Csv",
    "DataSource",
    "Dataset",
    "DatasetName",
    "Descends",
    "Generated",
    "GradientBoosting",
    "GradientDescent",
    "KMeans",
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
    "arrays",
    "by_key",
    "call",
    "frame",
    "merge",
    "ordered",
    "random",
    "shard",
]
