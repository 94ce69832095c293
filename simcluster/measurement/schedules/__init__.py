"""Schedules: what the records of a graph of tasks say of its makespan, jobs and nodes, and what was possible."""

from simcluster.measurement.schedules.attempts import Attempt, attempts, wasted_share
from simcluster.measurement.schedules.bounds import Bounds, lower_bounds
from simcluster.measurement.schedules.jobs import (
    JobRun,
    bounded_slowdown,
    deadline_misses,
    fairness,
    jain,
    jobs,
    slowdown,
)
from simcluster.measurement.schedules.locality import locality
from simcluster.measurement.schedules.makespan import Span, makespan_s, node_utilisation, spans

__all__ = [
    "Attempt",
    "Bounds",
    "JobRun",
    "Span",
    "attempts",
    "bounded_slowdown",
    "deadline_misses",
    "fairness",
    "jain",
    "jobs",
    "locality",
    "lower_bounds",
    "makespan_s",
    "node_utilisation",
    "slowdown",
    "spans",
    "wasted_share",
]
