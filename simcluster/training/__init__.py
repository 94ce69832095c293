"""Training: iterative learning on a cluster, from independent parts."""

from simcluster.training.aggregation import total
from simcluster.training.compression import TopK
from simcluster.training.exchange import ParameterServer
from simcluster.training.job import TrainingJob
from simcluster.training.protocols import Aggregation, Compression, Exchange, Progress, Waiting
from simcluster.training.training import Trained, Training
from simcluster.training.waiting import BoundedStaleness

__all__ = [
    "Aggregation",
    "BoundedStaleness",
    "Compression",
    "Exchange",
    "ParameterServer",
    "Progress",
    "TopK",
    "Trained",
    "Training",
    "TrainingJob",
    "Waiting",
    "total",
]
