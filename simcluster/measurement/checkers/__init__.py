"""Checkers: what a history shows of the promises of a store. Pure functions of a history; each gives a judgement."""

from simcluster.measurement.checkers.judgement import Anomaly, Judgement
from simcluster.measurement.checkers.limits import Limits
from simcluster.measurement.checkers.models import MODELS, Model
from simcluster.measurement.checkers.orders.linearizability import Linearizability, PartialOrder, linearizability
from simcluster.measurement.checkers.orders.sequential import sequential

__all__ = [
    "MODELS",
    "Anomaly",
    "Judgement",
    "Limits",
    "Linearizability",
    "Model",
    "PartialOrder",
    "linearizability",
    "sequential",
]
