"""Online learning: a learner of what comes, its batches from storage or from arrivals, and copies that predict."""

from simcluster.serving.online.arriving import ArrivingBatches
from simcluster.serving.online.copies import Copies, fetch_always
from simcluster.serving.online.course import Learned
from simcluster.serving.online.job import AnyBatches, OnlineLearning
from simcluster.serving.online.stored import StoredBatches

__all__ = ["AnyBatches", "ArrivingBatches", "Copies", "Learned", "OnlineLearning", "StoredBatches", "fetch_always"]
