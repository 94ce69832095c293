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
from simcluster.learning.initialisation import AnyInitialisation
from simcluster.learning.models import (
    AnyModel,
    KMeans,
    LabelSpreading,
    MiniBatchKMeans,
    PowerIteration,
    PrincipalComponents,
    Softmax,
)
from simcluster.learning.neighbours import Neighbours, NeighbourShard, merge, merge_all, vote
from simcluster.learning.optimisers import AnyOptimiser, GradientDescent
from simcluster.learning.protocols import (
    Array,
    DataSource,
    Descends,
    Initialisation,
    Model,
    Optimiser,
    Sharding,
    Solves,
)
from simcluster.learning.softmax_regression import SoftmaxRegression

__all__ = [
    "AnyData",
    "AnyInitialisation",
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
    "Generated",
    "GradientDescent",
    "Initialisation",
    "KMeans",
    "LabelSpreading",
    "MiniBatchKMeans",
    "MissingFile",
    "Model",
    "NeighbourShard",
    "Neighbours",
    "Optimiser",
    "Parquet",
    "PowerIteration",
    "PrincipalComponents",
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
    "merge_all",
    "ordered",
    "random",
    "shard",
    "vote",
]
