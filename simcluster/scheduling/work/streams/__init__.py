"""Work that comes over time: jobs of several users, each a graph of tasks or one that holds several cores."""

from simcluster.scheduling.work.streams.rigid import Rigid

__all__ = ["Rigid"]
