"""Job: what a cluster runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import simpy

from simcluster.engine import Event

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster


class Job(Protocol):
    """What a cluster runs; its strategies are fields of its own.

    Any object with ``start`` is one. Where it is a ``Spec``, the nodes, racks and links that its fields name, by their
    types (``NodeName``, …), are looked up in the cluster before anything runs. Each run starts a copy of it.
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
