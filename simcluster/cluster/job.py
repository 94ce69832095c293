"""Job: what a cluster runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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
