"""Rigid jobs in a batch queue: gangs, and backfilling by users' estimates."""

from simcluster.scheduling.policies.batch.conservative import ConservativeBackfilling
from simcluster.scheduling.policies.batch.easy import EasyBackfilling
from simcluster.scheduling.policies.batch.gangs import GangScheduling

__all__ = ["ConservativeBackfilling", "EasyBackfilling", "GangScheduling"]
