"""A testbed that answers which strategy is better on this cluster, under these faults, with real results."""

from simcluster.cluster import Job
from simcluster.scenario import Result, Scenario, run

__all__ = ["Job", "Result", "Scenario", "__version__", "run"]

__version__ = "0.1.0"
