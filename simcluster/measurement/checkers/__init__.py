"""Checkers: what a history shows of the promises of a store. Pure functions of a history; each gives a judgement."""

from simcluster.measurement.checkers.availability import (
    Availability,
    availability,
    in_faults,
    liveness,
    messages_per_operation,
)
from simcluster.measurement.checkers.clients.causal import causal
from simcluster.measurement.checkers.clients.sessions import GUARANTEES, sessions
from simcluster.measurement.checkers.clients.staleness import Staleness, bounded_staleness, staleness
from simcluster.measurement.checkers.judgement import Anomaly, Judgement
from simcluster.measurement.checkers.limits import Limits
from simcluster.measurement.checkers.models import MODELS, Model
from simcluster.measurement.checkers.orders.explained import explained
from simcluster.measurement.checkers.orders.linearizability import Linearizability, PartialOrder, linearizability
from simcluster.measurement.checkers.orders.sequential import sequential
from simcluster.measurement.checkers.transactions.dependencies import Isolation
from simcluster.measurement.checkers.transactions.list_append import list_append
from simcluster.measurement.checkers.transactions.rw_register import rw_register
from simcluster.measurement.checkers.workloads.long_fork import long_fork
from simcluster.measurement.checkers.workloads.one_pass import bank, counter, unique_ids
from simcluster.measurement.checkers.workloads.set_full import set_full

__all__ = [
    "GUARANTEES",
    "MODELS",
    "Anomaly",
    "Availability",
    "Isolation",
    "Judgement",
    "Limits",
    "Linearizability",
    "Model",
    "PartialOrder",
    "Staleness",
    "availability",
    "bank",
    "bounded_staleness",
    "causal",
    "counter",
    "explained",
    "in_faults",
    "linearizability",
    "list_append",
    "liveness",
    "long_fork",
    "messages_per_operation",
    "rw_register",
    "sequential",
    "sessions",
    "set_full",
    "staleness",
    "unique_ids",
]
