"""Training: iterative learning on a cluster, under one of several strategies of synchronisation and recovery."""

from simcluster.training.job import Trained, TrainingJob
from simcluster.training.staleness import may_start, visible_before

__all__ = ["Trained", "TrainingJob", "may_start", "visible_before"]
