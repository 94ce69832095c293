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
from simcluster.learning.dense_layer import DenseLayer, backward_pass, forward_pass
from simcluster.learning.models import AnyLayeredModel, AnyModel, KMeans, MultilayerPerceptron, Softmax
from simcluster.learning.neighbours import Neighbours, NeighbourShard, merge
from simcluster.learning.optimisers import AnyOptimiser, GradientDescent
from simcluster.learning.protocols import (
    Array,
    DataSource,
    Descends,
    Layer,
    LayeredModel,
    Model,
    Optimiser,
    Sharding,
    Solves,
)
from simcluster.learning.softmax_regression import SoftmaxRegression

__all__ = [
    "AnyData",
    "AnyLayeredModel",
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
    "DenseLayer",
    "Descends",
    "Generated",
    "GradientDescent",
    "KMeans",
    "Layer",
    "LayeredModel",
    "MissingFile",
    "Model",
    "MultilayerPerceptron",
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
    "backward_pass",
    "by_key",
    "call",
    "forward_pass",
    "frame",
    "merge",
    "ordered",
    "random",
    "shard",
]
