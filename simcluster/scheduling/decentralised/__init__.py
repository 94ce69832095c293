"""Task graphs without a master that places tasks: work stealing, and Sparrow."""

from simcluster.scheduling.decentralised.job import DecentralisedJob
from simcluster.scheduling.decentralised.protocols import AtLedger, AtWorker, Scheduler, Spawn
from simcluster.scheduling.decentralised.schedulers import AnyScheduler
from simcluster.scheduling.decentralised.sparrow import Sparrow
from simcluster.scheduling.decentralised.work_stealing import WorkStealing

__all__ = [
    "AnyScheduler",
    "AtLedger",
    "AtWorker",
    "DecentralisedJob",
    "Scheduler",
    "Sparrow",
    "Spawn",
    "WorkStealing",
]
