"""The job of a replicated store: copies kept by a scheme, clients that ask, and a record of all that they see."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from simcluster.cluster import Cluster, ClusterSpec, Ran
from simcluster.engine import Event, Name, NodeNames, Period, Seconds, Spec, check_differ
from simcluster.replication.client import Clients
from simcluster.replication.protocols import Asked, Replicas, effects
from simcluster.replication.schemes import AnyReplication
from simcluster.replication.workload import AnyWorkload, Mix


class ReplicatedStore(Spec):
    """A key-value store whose copies a replication scheme keeps, and clients that use it and write down what they see.

    Each operation is recorded as it begins ("invoke") and ends ("complete"), with the status ok, fail (it has changed
    nothing) or info (nobody knows), as Jepsen does; so is each effect as a copy takes it in ("apply"); all name the
    store. The job is over when all clients have asked all they had to. The event's value is how many operations ended
    how.
    """

    kind: Literal["replicated_store"] = "replicated_store"
    scheme: AnyReplication
    """How copies are kept, and how a client reaches them."""
    replicas: NodeNames
    """The nodes that hold a copy."""
    clients: NodeNames
    """The nodes that ask, each one operation after another."""
    workload: AnyWorkload = Mix()
    """What they ask."""
    timeout_s: Period = 1.0
    """How long a client waits for an operation before it gives up."""
    retry_s: Period = 0.1
    """How long a program waits for a node's answer before it asks anew, or another."""
    settle_s: Seconds | None = None
    """How long after the last operation all clients read all keys once (``None``: they do not)."""
    name: Name = "store"
    """What its programs and messages begin with."""

    records: ClassVar = ("invoke", "complete", "apply")
    told_apart: ClassVar = records  # they say of which store they are

    @model_validator(mode="after")
    def _parts_go_together(self) -> ReplicatedStore:
        check_differ("replicas", self.replicas)
        check_differ("clients", self.clients)
        if (reason := self.scheme.refuses(len(self.replicas))) is not None:
            raise ValueError(reason)
        if (check := getattr(self.scheme, "check_replicas", None)) is not None:
            check(self.replicas)
        unknown = [f for f in self.workload.asks if f not in self.scheme.operations]
        if unknown:
            rule = f"workload must ask operations that {type(self.scheme).__name__} has, {list(self.scheme.operations)}"
            raise ValueError(f"{rule}, got {unknown[0]!r}")
        return self

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where scheme or workload do not fit the cluster, if they can say so."""
        for part in (self.scheme, self.workload):
            if (check := getattr(part, "check", None)) is not None:
                check(cluster)

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the replicas and the clients."""
        applied = effects(cluster, self.name)
        over = cluster.env.event()
        replicas = Replicas(cluster, self.replicas, self.name, seed, self.retry_s, over, applied)
        self.scheme.start(replicas)
        clients = Clients(cluster, self, seed, over, partial(self.scheme.session, replicas))
        for number, name in enumerate(self.clients):
            cluster[name].boot(partial(clients.run, number=number), f"{self.name}.client")
        return over

    def touched(self, asked: Asked) -> tuple[str, ...]:
        """The keys that an operation is about."""
        return () if asked.key is None else (asked.key,)

    def closing(self, keys: Iterable[str]) -> tuple[Asked, ...]:
        """What each client asks in the end: a read of each key."""
        return tuple(Asked("read", key) for key in keys)

    def metrics(self, result: Ran) -> dict[str, float]:
        """How many operations ended how, how available the store was, how fast it was, and what it cost in messages."""
        from simcluster.measurement.operations import operation_metrics

        return operation_metrics(result.trace, f"{self.name}.", self.name)

    def series(self, result: Ran) -> dict[str, Any]:
        """Each ``operation`` with its process, when it began, how long it took (NaN: for ever) and how it ended."""
        from simcluster.measurement.operations import operation_columns

        kept = all(result.trace.keeps(kind) for kind in ("invoke", "complete"))
        return {"operation": operation_columns(result.trace, self.name)} if kept else {}
