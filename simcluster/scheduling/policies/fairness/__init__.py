"""Who of several users is next."""

from simcluster.scheduling.policies.fairness.capacity import Capacity
from simcluster.scheduling.policies.fairness.dominant_resource import DominantResource
from simcluster.scheduling.policies.fairness.fair_share import FairShare
from simcluster.scheduling.policies.fairness.filling import progressive_filling

__all__ = ["Capacity", "DominantResource", "FairShare", "progressive_filling"]
