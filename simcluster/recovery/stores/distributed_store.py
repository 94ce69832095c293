"""A distributed store: blocks with several copies, placed with regard to racks, restored after a loss.

After HDFS (Shvachko et al., The Hadoop Distributed File System, 2010): servers keep blocks on their disks and report
them with each heartbeat; a coordinator knows from these reports, and only from them, who has what, says where new
copies should go, and has lost ones made anew. All that must survive is on the servers' disks.

Every version of a value is a block of its own, which is written once. A version counts as soon as so many servers have
had it durably as a write waits for; then the older ones are superseded: no read returns them any more, and they are
deleted wherever they are.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, Literal

from pydantic import model_validator
from simpy.events import AnyOf, Event

from simcluster.cluster import Cluster, Corrupted, Failure, Message, Node, TimedOut
from simcluster.cluster.messages.message import freeze
from simcluster.engine import Count, Name, NodeName, NodeNames, Period, Spec
from simcluster.recovery.answer import shelf_of, value_of
from simcluster.recovery.detectors import AnySuspicion, Timeout
from simcluster.recovery.placement import Racks, nearest, place
from simcluster.recovery.protocols import Suspicion
from simcluster.recovery.retry import ask
from simcluster.recovery.stores.store_coordinator import coordinate
from simcluster.recovery.stores.store_server import Block, push, serve
from simcluster.recovery.stores.store_version import Version

_DOUBLINGS = 10  # a time-out doubles so many times at most


class DistributedStore(Spec):
    """Storage on the disks of some nodes, for all nodes.

    Writes to one key take effect in the order in which they were begun. A read returns the newest value that was
    acknowledged before it began, or a newer one, and none that is older than what another read has returned, as long
    as the servers that have lost their disks or cannot be reached are fewer than the copies that are acknowledged; when
    they are more it may have to wait. A disk needs room for the old value beside the new one. Surplus copies, of a
    server that came back, are kept.
    """

    kind: Literal["distributed"] = "distributed"
    coordinator: NodeName
    """The node that places blocks, knows who holds them, and has lost copies restored."""
    servers: NodeNames
    """The nodes that keep blocks on their disks."""
    replication: Count = 3
    """How many copies of a block there should be, at most one for each server."""
    acknowledge: Literal["one", "quorum", "all"] = "all"
    """How many of them are flushed when a write is acknowledged; a "quorum" is more than half."""
    transfer: Literal["pipeline", "parallel"] = "pipeline"
    """Whether copies go from each server to the next ("pipeline") or all from the writer ("parallel")."""
    heartbeat_s: Period = 1.0
    """Seconds between two reports of a server."""
    suspicion: AnySuspicion | None = None
    """When a server that does not report counts as lost (``None``: when it has been silent for 3 ``heartbeat_s``)."""
    copies_at_once: Count = 2
    """How many blocks a server sends at most at a time to restore others' copies."""
    scrub_s: Period | None = None
    """After how long a server reads another of its blocks to look for rot (``None``: never)."""
    timeout_s: Period = 1.0
    """How long a reply is waited for.

    For a transfer of a block it doubles with each attempt, ten times at most, and counts for each server of a pipeline.
    """
    attempts: Count | None = None
    """How often a request is sent, and a read or a write tried, at most (``None``: without end)."""
    name: Name = "store"
    """What its programs and messages begin with."""

    @model_validator(mode="after")
    def _has_servers_enough(self) -> DistributedStore:
        twice = sorted(name for name, count in Counter(self.servers).items() if count > 1)
        if twice:
            raise ValueError(f"servers must differ, got {twice} more than once")
        if isinstance(self.suspicion, Timeout) and self.suspicion.after_s <= self.heartbeat_s:
            rule = f"suspicion must wait longer than a heartbeat of {self.heartbeat_s} s"
            raise ValueError(f"{rule}, got {self.suspicion.after_s} s")
        if self.replication > len(self.servers):
            raise ValueError(
                f"replication must be at most the number of servers ({len(self.servers)}), got {self.replication}"
            )
        return self

    @property
    def copies_acknowledged(self) -> int:
        """How many copies are flushed when a write is acknowledged."""
        return {"one": 1, "quorum": self.replication // 2 + 1, "all": self.replication}[self.acknowledge]

    @property
    def silence(self) -> Suspicion:
        """The rule by which a server counts as lost."""
        return self.suspicion or Timeout(after_s=min(3 * self.heartbeat_s, sys.float_info.max))

    def start(self, cluster: Cluster) -> None:
        """Boot the coordinator and the servers."""
        cluster.spec.require("servers", *self.servers)
        cluster[self.coordinator].boot(partial(coordinate, store=self), f"{self.name}-coordinator")
        for name in self.servers:
            cluster[name].boot(partial(serve, store=self), f"{self.name}-server")

    def preload(self, cluster: Cluster, reader: str, key: str, value: Any, size_bytes: float) -> None:
        """Let as many servers as there are copies hold a value, and the coordinator know it, as all have begun.

        It takes every server to live then, as if the store had been there for a while. Who will read the value does not
        matter.
        """
        cluster.env.call_later(0.0, partial(self._preload, cluster, key, value, size_bytes))

    def _preload(self, cluster: Cluster, key: str, value: Any, size_bytes: float, _: object) -> None:
        name = Version(key, cluster.network.new_id(), float(size_bytes)).name
        holders = place(key, self.replication, self.servers, self.racks(cluster))
        for holder in holders:
            cluster[holder].storage.lay(shelf_of("distributed", self.name) + name, value, size_bytes)
        if cluster[self.coordinator].runs:  # else it will know by what the servers report
            cluster[self.coordinator].send(self.coordinator, f"{self.name}-preloaded", (name, holders))

    def write(
        self, node: Node, key: str, value: Any, size_bytes: float | None = None
    ) -> Generator[Event, Any, tuple[str, ...]]:
        """Write a value from ``node``; the servers that hold it durably when it is acknowledged.

        Raises ``TimedOut``, or why the coordinator cannot be reached, when that does not come about in ``attempts``:
        the value may have been written then, or may be yet.
        """
        value, own_bytes = freeze(value)
        number = node.cluster.network.new_id()
        block = Block(Version(key, number, float(own_bytes if size_bytes is None else size_bytes)).name, value)
        holders: dict[str, None] = {}
        failed: dict[str, None] = {}
        attempt = 0
        while self.attempts is None or attempt < self.attempts:
            wish = (block.name, tuple(holders), tuple(failed))
            targets = (yield from self._ask(node, "place", wish)).body
            yield from self._put(node, block, targets, self.patience_s(attempt), holders)
            if len(holders) >= self.copies_acknowledged:
                yield from self._ask(node, "commit", (block.name, tuple(holders)))
                return tuple(holders)
            failed.update(dict.fromkeys(target for target in targets if target not in holders))
            if not targets:
                failed.clear()  # none is left to try, so try all again, later
                yield node.timer(self.heartbeat_s)
            attempt += 1
        raise TimedOut(f"{key!r} has {len(holders)} of {self.copies_acknowledged} copies after {attempt} attempts")

    def read(self, node: Node, key: str) -> Generator[Event, Any, Any]:
        """The value under ``key``, from the nearest copy that is intact.

        That there is none is certain when all servers have had the time to report, so whoever looks for a checkpoint at
        the beginning waits that long. Raises ``KeyError`` when there is none, ``Corrupted`` when no copy is intact any
        more, and ``TimedOut``, or why the coordinator cannot be reached, when no copy can be in ``attempts``.
        """
        damaged: Corrupted | None = None
        attempt = 0
        while self.attempts is None or attempt < self.attempts:
            name, names, certain = (yield from self._ask(node, "locate", (key,))).body
            if certain and not names:
                raise damaged or KeyError(key)
            for server in nearest(node.name, names, self.racks(node.cluster)):
                kind, patience_s = f"{self.name}-get", self.patience_s(attempt)
                try:
                    return value_of((yield node.request(server, kind, (name,), timeout_s=patience_s)))
                except Corrupted as error:
                    damaged = error
                except (KeyError, Failure):
                    pass  # the copy is gone, or its disk, or its server cannot be reached; there may be others
            yield node.timer(self.heartbeat_s)
            attempt += 1
        raise TimedOut(f"no copy of {key!r} could be reached in {attempt} attempts")

    def racks(self, cluster: Cluster) -> Racks:
        """Says the rack of a node that is in the cluster, ``None`` of any other."""
        nodes = cluster.nodes
        return lambda name: nodes[name].spec.rack if name in nodes else None

    def patience_s(self, attempt: int) -> float:
        """How long to wait for one transfer in the ``attempt``-th attempt, counted from 0."""
        return float(self.timeout_s * 2 ** min(attempt, _DOUBLINGS))

    def _ask(self, node: Node, what: str, body: Any) -> Generator[Event, Any, Message]:
        kind = f"{self.name}-{what}"
        return ask(node, self.coordinator, kind, body, timeout_s=self.timeout_s, attempts=self.attempts)

    def _put(
        self, node: Node, block: Block, targets: Sequence[str], patience_s: float, holders: dict[str, None]
    ) -> Generator[Event, Any, None]:
        """Send a block to ``targets`` until ``holders`` are enough or there is nobody left to hear of."""
        chains = [tuple(targets)] if self.transfer == "pipeline" else [(target,) for target in targets]
        under_way = [
            node.spawn(push(node, self, "put", chain, patience_s * len(chain), block)) for chain in chains if chain
        ]
        while under_way and len(holders) < self.copies_acknowledged:
            yield AnyOf(node.env, under_way)
            for process in [process for process in under_way if process.triggered]:
                under_way.remove(process)
                holders.update(dict.fromkeys(process.value or ()))
