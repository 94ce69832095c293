"""Histories: what clients asked of a store and what came back, from a trace or from files of other tools."""

from simcluster.measurement.histories.edn import read_edn
from simcluster.measurement.histories.files import TooLarge, read_history
from simcluster.measurement.histories.history import Events, History, plain
from simcluster.measurement.histories.operation import (
    APPLY,
    COMPLETE,
    INVOKE,
    NEVER,
    PLAIN,
    STATUSES,
    BadHistory,
    FaultWindow,
    Operation,
    Plain,
    is_finite,
    is_plain,
)

__all__ = [
    "APPLY",
    "COMPLETE",
    "INVOKE",
    "NEVER",
    "PLAIN",
    "STATUSES",
    "BadHistory",
    "Events",
    "FaultWindow",
    "History",
    "Operation",
    "Plain",
    "TooLarge",
    "is_finite",
    "is_plain",
    "plain",
    "read_edn",
    "read_history",
]
