"""Training: iterative learning on a cluster, from independent parts; those of learning can be imported here too."""

from simcluster.learning import (
    Bundled,
    Csv,
    Dataset,
    Generated,
    GradientDescent,
    KMeans,
    LabelSpreading,
    MiniBatchKMeans,
    Parquet,
    PowerIteration,
    PrincipalComponents,
    Rows,
    SelfTraining,
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
from simcluster.training.exchange import ParameterServer
from simcluster.training.job import TrainingJob
from simcluster.training.kmeans_seeding import KMeansSeeding
from simcluster.training.protocols import Aggregation, Compression, Exchange, Progress, Waiting
from simcluster.training.training import Trained, Training
from simcluster.training.waiting import BoundedStaleness

__all__ = [
    "Aggregation",
    "BoundedStaleness",
    "Bundled",
    "Checkpoints",
    "Compression",
    "Csv",
    "Dataset",
    "Exchange",
    "Generated",
    "GradientDescent",
    "KMeans",
    "KMeansSeeding",
    "LabelSpreading",
    "MiniBatchKMeans",
    "ParameterServer",
    "Parquet",
    "PowerIteration",
    "PrincipalComponents",
    "Progress",
    "Rows",
    "SelfTraining",
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
