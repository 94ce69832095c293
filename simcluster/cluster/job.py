"""Job: what a cluster runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import simpy

from simcluster.cluster.waits import Ending
from simcluster.engine import Event, Trace

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster, ClusterSpec


class Job(Protocol):
    """What a cluster runs; its strategies are fields of its own.

    Any object with ``start`` is one. Where it is a ``Spec``, the nodes, racks and links that its fields name, by their
    types (``NodeName``, …), are looked up in the cluster before anything runs. Each run starts a copy of it.

    It may also have ``check(cluster)``, asked with the ``ClusterSpec`` when a scenario is made: it raises
    ``ValueError`` for what ``start`` would refuse only in the run. And ``records``, the kinds of records that are its
    own, so that ``Scenario.trace_kinds`` may name them and a typing error is noticed.

    And ``metrics(result)``, asked with a run that is over (see ``Ran``) when somebody reads ``Result.metrics``: figures
    by name, units last, none of them called like a general one. And ``series(result)`` for ``Result.series``: frames,
    or mappings of columns, by name. A run that has not finished has figures too, and one that did not keep the records
    behind a figure goes without it.
    """

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the job's programs; the event that is returned happens when the job is over, with its outcome."""
        ...


class Ran(Protocol):
    """What a job's ``metrics`` and ``series`` are asked with: a run that is over, or a job's part in it.

    ``outcome`` is the job's own, ``None`` unless it finished. Among jobs that run together, ``trace`` has no records of
    a kind that several of them make: whose they are cannot be told.
    """

    @property
    def outcome(self) -> Any:
        """What the job gave."""

    @property
    def ended(self) -> Ending:
        """How the run ended."""

    @property
    def ended_s(self) -> float:
        """When it ended, in simulated seconds."""

    @property
    def trace(self) -> Trace:
        """What happened."""

    @property
    def seed(self) -> int:
        """The seed that it was run with."""

    @property
    def cluster(self) -> ClusterSpec:
        """The cluster that it was run on."""


def start(job: Job, cluster: Cluster, seed: int) -> Event:
    """Start a job; the event of its end. Raises ``TypeError`` when it returns none."""
    done = job.start(cluster, seed)
    if not isinstance(done, simpy.Event):
        who = type(job).__name__
        raise TypeError(f"start must return the event that happens when the job is over, got {done!r} of {who}.start")
    return done


def check_job(job: Job, cluster: ClusterSpec) -> None:
    """Ask a job that can say so whether it fits the cluster. Raises what it raises, a ``ValueError``."""
    check = getattr(job, "check", None)
    if check is not None:
        check(cluster)
