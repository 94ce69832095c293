"""Scenario: cluster, job, faults and limits, frozen; with a seed it gives a result, which says what became of it."""

from simcluster.engine import Verdict
from simcluster.scenario.files import load_scenario, load_spec, save_scenario, save_spec
from simcluster.scenario.replay import NotTheSame, replay, run_again
from simcluster.scenario.result import Result
from simcluster.scenario.run import run
from simcluster.scenario.scenario import Scenario
from simcluster.scenario.schema import schema
from simcluster.scenario.stored import StoredResult
from simcluster.scenario.text.document import InvalidFile
from simcluster.scenario.text.encoding import NotStored, StoredObject
from simcluster.scenario.verdicts import NEVER_BEGAN
from simcluster.scenario.versions import machine, versions

__all__ = [
    "NEVER_BEGAN",
    "InvalidFile",
    "NotStored",
    "NotTheSame",
    "Result",
    "Scenario",
    "StoredObject",
    "StoredResult",
    "Verdict",
    "load_scenario",
    "load_spec",
    "machine",
    "replay",
    "run",
    "run_again",
    "save_scenario",
    "save_spec",
    "schema",
    "versions",
]
