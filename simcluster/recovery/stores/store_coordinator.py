"""The coordinator of the distributed store: it places blocks, knows their holders, and has lost copies restored.

It keeps nothing on disk. After a crash it knows again what the servers report, and has nothing restored, and lets
nobody read what was written before, until each has had the time to. What is superseded it has deleted at once, and with
every heartbeat wherever it turns up again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.engine import Program
from simcluster.recovery.placement import nearest, place
from simcluster.recovery.stores.store_census import Census
from simcluster.recovery.stores.store_version import Version

if TYPE_CHECKING:
    from simcluster.recovery.stores.distributed_store import DistributedStore


def coordinate(node: Node, store: DistributedStore) -> Program:
    """Answer clients, and listen to the servers."""
    record = node.cluster.trace.recorder("store", "store", "event", "subject", "target")
    census = Census(store, record, node.clock.monotonic(), node.cluster.network.new_id())
    node.spawn(Restoration(node, store, census).run())
    kinds = [f"{store.name}-{what}" for what in ("report", "commit", "place", "locate", "preloaded")]
    while True:
        message: Message = yield node.receive(*kinds)
        match message.kind.removeprefix(f"{store.name}-"):
            case "report":
                census.hear(message, node.clock.monotonic())
            case "commit":
                name, holders = message.body
                census.add(name, holders, message.id)
                node.reply(message)
                drop(node, store, census.superseded(Version.of(name).key))
            case "preloaded":
                name, holders = message.body
                census.begin_with(name, holders, message.id, node.clock.monotonic())
            case "place":
                name, holders, failed = message.body
                key, _, size_bytes = Version.of(name)
                able = [server for server in census.with_room(size_bytes) if server not in failed]
                missing, racks = store.replication - len(holders), store.racks(node.cluster)
                node.reply(message, place(key, missing, able, racks, message.source, holders))
            case "locate":
                node.reply(message, census.locate(message.body[0]))


def drop(node: Node, store: DistributedStore, superseded: dict[str, list[str]]) -> None:
    """Tell servers to delete what is superseded there."""
    for server, names in superseded.items():
        node.send(server, f"{store.name}-drop", names)


class Restoration:
    """Has each block copied that is short of copies in two heartbeats in a row (one may be under way just now)."""

    def __init__(self, node: Node, store: DistributedStore, census: Census) -> None:
        self._node = node
        self._store = store
        self._census = census
        self._record = node.cluster.trace.recorder("store", "store", "event", "subject", "target")
        self._sending = dict.fromkeys(store.servers, 0)
        self._under_way: dict[tuple[str, str], None] = {}  # copies: of which block, and where to
        self._tries: dict[str, int] = {}

    def run(self) -> Program:
        """Look around with each heartbeat."""
        short: dict[str, tuple[str, ...]] = {}
        while True:
            yield self._node.timer(self._store.heartbeat_s)
            self._census.look(self._node.clock.monotonic())
            short, before = self._census.short() if self._census.settled else {}, short
            self._tries = {name: tries for name, tries in self._tries.items() if name in short}
            for name, holders in short.items():
                if name in before:
                    self._restore(name, holders)
            drop(self._node, self._store, self._census.superseded())

    def _restore(self, name: str, holders: tuple[str, ...]) -> None:
        """Order as many copies as are missing, as far as there are holders with time and servers with room."""
        census, racks = self._census, self._store.racks(self._node.cluster)
        under_way = [target for copied, target in self._under_way if copied == name]
        counted = (*holders, *(target for target in under_way if target not in holders))
        missing, with_room = self._store.replication - len(counted), census.with_room(Version.of(name).size_bytes)
        # With the tries in its name a block goes elsewhere when a copy did not arrive.
        for target in place(f"{name}#{self._tries.get(name, 0)}", missing, with_room, racks, None, counted):
            able = [holder for holder in holders if self._sending[holder] < self._store.copies_at_once]
            if not able:
                return
            source = nearest(target, sorted(able, key=lambda holder: self._sending[holder]), racks)[0]
            self._sending[source] += 1
            self._under_way[name, target] = None
            self._node.spawn(self._copy(name, source, target))

    def _copy(self, name: str, source: str, target: str) -> Program:
        key = Version.of(name).key
        tries = self._tries[name] = self._tries.get(name, 0) + 1
        patience_s = self._store.patience_s(tries - 1)
        self._record(self._store.name, "copying", key, target)
        kind = f"{self._store.name}-replicate"
        try:
            reply = yield self._node.request(source, kind, (name, target, patience_s), timeout_s=2 * patience_s)
        except UNANSWERED:
            reply = None
        self._sending[source] -= 1
        del self._under_way[name, target]
        if reply is not None and reply.body:
            self._tries[name] = 0
            self._census.add(name, reply.body, reply.id)
            self._record(self._store.name, "restored", key, target)
