"""Job: what a cluster runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import simpy

from simcluster.engine import Event

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster, ClusterSpec


class Job(Protocol):
    """What a cluster runs; its strategies are fields of its own.

    Any object with ``start`` is one. Where it is a ``Spec``, the nodes, racks and links that its fields name, by their
    types (``NodeName``, …), are looked up in the cluster before anything runs. Each run starts a copy of it.

    It may also have ``check(cluster)``, asked with the ``ClusterSpec`` when a scenario is made: it raises
    ``ValueError`` for what ``start`` would refuse only in the run. And ``records``, the kinds of records that are its
    own, so that ``Scenario.trace_kinds`` may name them and a typing error is noticed.
    """

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the job's programs; the event that is returned happens when the job is over, with its outcome."""
        ...


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
