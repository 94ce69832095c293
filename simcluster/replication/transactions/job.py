"""The job of a store of transactions: keys dealt out to shards, and clients that read and change several at once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import fsum
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from simcluster.cluster import Cluster, Node, Ran
from simcluster.engine import Event, Name, NodeNames, Period, Program, Seconds, Spec, check_differ
from simcluster.replication.client import Clients
from simcluster.replication.protocols import Asked, effects
from simcluster.replication.transactions.coordinator import Coordinator
from simcluster.replication.transactions.in_doubt import DOUBT, in_doubt
from simcluster.replication.transactions.isolation import AnyIsolation, serializable
from simcluster.replication.transactions.oracle import oracle
from simcluster.replication.transactions.shard import Shard
from simcluster.replication.transactions.store import Store
from simcluster.replication.transactions.transaction import steps_of
from simcluster.replication.workload import AnyWorkload, TransactionMix


class ShardedStore(Spec):
    """A key-value store whose keys lie on several nodes, and clients that change keys of several of them at once.

    Each client's node coordinates its transactions, and commits them in two phases: a shard that has voted for one
    is blocked, with the keys that it changes, until it hears the outcome, and while the coordinator is down it hears
    none. The votes and their outcomes are recorded ("vote", "outcome"); so are transactions as they begin and end
    ("invoke", "complete"), as Jepsen does, with the operation "txn", and effects as shards take them in ("apply"). The
    first shard gives time stamps to isolations that ask for some. The event's value is how many ended how.
    """

    kind: Literal["sharded_store"] = "sharded_store"
    isolation: AnyIsolation = serializable
    """What a transaction may see of others, and what they must not do meanwhile."""
    shards: NodeNames
    """The nodes that hold the keys, each key on one."""
    clients: NodeNames
    """The nodes that ask, and coordinate what they ask, each one transaction after another."""
    workload: AnyWorkload = TransactionMix()
    """What they ask."""
    timeout_s: Period = 1.0
    """How long a client waits for a transaction before it gives up."""
    retry_s: Period = 0.1
    """How long an answer is awaited before it is asked for again, and how long before a shard asks for an outcome."""
    flush: bool = True
    """Whether what a vote or a decision rests on is flushed first; without, a crash takes what others rely on."""
    settle_s: Seconds | None = None
    """How long after the last one all clients read all keys in one transaction (``None``: they do not)."""
    name: Name = "store"
    """What its programs and messages begin with."""

    records: ClassVar = ("invoke", "complete", "apply", "vote", "outcome")
    told_apart: ClassVar = ("invoke", "complete", "apply")  # they say of which store they are

    @model_validator(mode="after")
    def _parts_go_together(self) -> ShardedStore:
        check_differ("shards", self.shards)
        check_differ("clients", self.clients)
        if unknown := [f for f in self.workload.asks if f != "txn"]:
            raise ValueError(f"workload must ask transactions, ['txn'], got {unknown[0]!r}")
        return self

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the shards, the giver of stamps and the clients."""
        record = cluster.trace.recorder
        store = Store(
            cluster,
            self.name,
            self.shards,
            self.retry_s,
            self.flush,
            applied=effects(cluster, self.name),
            voted=record("vote", "operation", "node", "vote", "writes"),
            learned=record("outcome", "operation", "node", "outcome"),
        )
        for name in self.shards:
            cluster[name].boot(lambda node: Shard(node, store).run(), store.kind("shard"))
        cluster[self.shards[0]].boot(partial(oracle, kind=store.kind("now")), store.kind("oracle"))
        coordinators: dict[str, Coordinator] = {}
        over = cluster.env.event()
        clients = Clients(cluster, self, seed, over, lambda node, number: coordinators[node.name])

        def client(node: Node, number: int) -> Program:
            coordinators[node.name] = Coordinator(node, store, self.isolation)
            yield from coordinators[node.name].recover()
            yield from clients.run(node, number=number)

        for number, name in enumerate(self.clients):
            cluster[name].boot(partial(client, number=number), store.kind("client"))
        return over

    def touched(self, asked: Asked) -> tuple[str, ...]:
        """The keys that a transaction is about."""
        return tuple(key for _, key, _ in steps_of(asked.value))

    def closing(self, keys: Iterable[str]) -> tuple[Asked, ...]:
        """What each client asks in the end: a transaction that reads all keys."""
        return (Asked("txn", None, tuple(("r", key, None) for key in keys)),)

    def metrics(self, result: Ran) -> dict[str, float]:
        """What operations came to, as of a `ReplicatedStore`; and how long shards were in doubt, in seconds.

        A shard is in doubt from its vote for a change until it hears the outcome: ``in_doubt_s_max`` of one vote,
        ``in_doubt_s_total`` of all, whose keys nobody else could use meanwhile.
        """
        from simcluster.measurement.operations import operation_metrics

        found = operation_metrics(result.trace, f"{self.name}.", self.name)
        if result.trace.keeps("vote") and result.trace.keeps("outcome"):
            doubts_s = [row["until_s"] - row["since_s"] for row in in_doubt(result.trace, result.ended_s)]
            found |= {"in_doubt_s_max": max(doubts_s, default=0.0), "in_doubt_s_total": fsum(doubts_s)}
        return found

    def series(self, result: Ran) -> dict[str, Any]:
        """Each ``operation`` as of a `ReplicatedStore`, and ``in_doubt``: which shard, since when and until when."""
        from simcluster.measurement.operations import operation_columns

        found: dict[str, Any] = {}
        if result.trace.keeps("invoke") and result.trace.keeps("complete"):
            found["operation"] = operation_columns(result.trace, self.name)
        if result.trace.keeps("vote") and result.trace.keeps("outcome"):
            rows = in_doubt(result.trace, result.ended_s)
            found["in_doubt"] = {name: [row[name] for row in rows] for name in DOUBT}
        return found
