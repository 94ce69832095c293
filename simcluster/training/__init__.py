"""Training: iterative learning on a cluster, from independent parts; those of learning can be imported here too."""

from simcluster.learning import (
    Bundled,
    Csv,
    Dataset,
    Generated,
    GradientBoosting,
    GradientDescent,
    KMeans,
    Parquet,
    Rows,
    Softmax,
    arrays,
    by_key,
    call,
    frame,
    ordered,
    random,
)
from simcluster.recovery import Checkpoints
from simcluster.training.aggregation import total
from simcluster.training.compression import TopK
from simcluster.training.exchange import AllReduce, ParameterServer, ReduceScatter
from simcluster.training.job import TrainingJob
from simcluster.training.protocols import Aggregation, Compression, Exchange, Progress, Waiting
from simcluster.training.training import Trained, Training
from simcluster.training.waiting import BoundedStaleness

__all__ = [
    "Aggregation",
    "AllReduce",
    "BoundedStaleness",
    "Bundled",
    "Checkpoints",
    "Compression",
    "Csv",
    "Dataset",
    "Exchange",
    "Generated",
    "GradientBoosting",
    "GradientDescent",
    "KMeans",
    "ParameterServer",
    "Parquet",
    "Progress",
    "ReduceScatter",
    "Rows",
    "Softmax",
    "TopK",
    "Trained",
    "Training",
    "TrainingJob",
    "Waiting",
    "arrays",
    "by_key",
    "call",
    "frame",
    "ordered",
    "random",
    "total",
]
