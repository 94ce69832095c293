"""Scenario: cluster, job, faults and limits, frozen; with a seed it gives a result, which says what became of it."""

from simcluster.engine import Verdict
from simcluster.scenario.encoding import NotStored, StoredObject
from simcluster.scenario.replay import NotTheSame, replay, run_again
from simcluster.scenario.result import Result
from simcluster.scenario.run import run
from simcluster.scenario.scenario import Scenario
from simcluster.scenario.stored import StoredResult
from simcluster.scenario.verdicts import NEVER_BEGAN
from simcluster.scenario.versions import machine, versions

__all__ = [
    "NEVER_BEGAN",
    "NotStored",
    "NotTheSame",
    "Result",
    "Scenario",
    "StoredObject",
    "StoredResult",
    "Verdict",
    "machine",
    "replay",
    "run",
    "run_again",
    "versions",
]
