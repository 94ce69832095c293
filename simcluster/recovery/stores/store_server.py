"""A server of the distributed store: it keeps blocks on its disk, passes them on, and reports what it has."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster.cluster import UNANSWERED, Corrupted, Failure, Message, Node
from simcluster.cluster.messages.message import HEADER_BYTES
from simcluster.engine import Event, Program, fire
from simcluster.recovery.answer import Answer, refusal, shelf_of
from simcluster.recovery.stores.store_version import Version

if TYPE_CHECKING:
    from simcluster.recovery.stores.distributed_store import DistributedStore


class Block(NamedTuple):
    """A value, and the name of the version that it is."""

    name: str
    value: Any

    @property
    def size_bytes(self) -> float:
        """How much room it takes."""
        return Version.of(self.name).size_bytes


def serve(node: Node, store: DistributedStore) -> Program:
    """Serve requests side by side; the disk puts them in order."""
    server = Server(node, store)
    yield from server.remove_torn()  # before it is reported as a copy
    node.spawn(server.report_always())
    if store.scrub_s is not None:
        node.spawn(server.scrub_always(store.scrub_s))
    answers = {"put": server.put, "copy": server.put, "get": server.get, "replicate": server.replicate}
    answers["drop"] = server.drop
    kinds = {f"{store.name}-{what}": answer for what, answer in answers.items()}
    while True:
        message: Message = yield node.receive(*kinds)
        if message.request_id not in server.begun:  # a retry, or a duplicate, of what is under way
            server.begun[message.request_id] = None
            node.spawn(kinds[message.kind](message))


def push(
    node: Node, store: DistributedStore, what: str, chain: tuple[str, ...], patience_s: float, block: Block
) -> Generator[Event, Any, tuple[str, ...]]:
    """Send a block along a chain of servers; those that say in time that it is durable on their disks."""
    body = (chain[1:], patience_s, *block)
    size_bytes = HEADER_BYTES + block.size_bytes
    try:
        reply = yield node.request(chain[0], f"{store.name}-{what}", body, size_bytes, patience_s)
    except UNANSWERED:
        return ()
    return tuple(reply.body)


class Server:
    """What a server remembers: the requests that it has ``begun``, and the blocks that it is changing."""

    def __init__(self, node: Node, store: DistributedStore) -> None:
        self.begun: dict[int | str | None, None] = {}
        self._node = node
        self._store = store
        self._prefix = shelf_of("distributed", store.name)
        self._changing: dict[str, Event] = {}
        self._record = node.cluster.trace.recorder("store", "store", "event", "subject", "target")

    def put(self, message: Message) -> Program:
        """Keep a block, and pass it on meanwhile; the answer names those on whose disks it is durable."""
        chain, patience_s, *parts = message.body
        block, onward = Block(*parts), None
        if chain:  # those behind get less time, so that the one before hears of them in his
            share = self._patience_s(patience_s) * len(chain) / (len(chain) + 1)
            onward = self._node.spawn(push(self._node, self._store, "put", chain, share, block))
        holders = ((self._node.name,) if (yield from self._keep(block)) else ()) + ((yield onward) if onward else ())
        self._finish(message, holders)

    def get(self, message: Message) -> Program:
        """Answer with a block's value."""
        name = message.body[0]
        answer = yield from self._read(name)
        size_bytes = Version.of(name).size_bytes if answer[0] == "done" else 0.0
        self._finish(message, answer, HEADER_BYTES + size_bytes)

    def replicate(self, message: Message) -> Program:
        """Send a copy of a block to another server; the answer says who has it then."""
        name, target, patience_s = message.body
        outcome, value = yield from self._read(name)
        holders: tuple[str, ...] = ()
        if outcome == "done":
            within_s = self._patience_s(patience_s)
            holders = yield from push(self._node, self._store, "copy", (target,), within_s, Block(name, value))
        self._finish(message, holders)

    def drop(self, message: Message) -> Program:
        """Delete versions that are superseded; what is told meanwhile is passed over, and will be told again."""
        for name in message.body:
            yield from self._remove(self._prefix + name)
        del self.begun[message.request_id]

    def _patience_s(self, said_s: float) -> float:
        """How long whoever asked will wait, as it says, or the store's time-out where a liar says no such thing."""
        return said_s if 0 <= said_s < math.inf else self._store.timeout_s

    def report(self) -> None:
        """Tell the coordinator what is durable here, and how much room is left."""
        storage = self._node.storage
        names = [path.removeprefix(self._prefix) for path in self._paths() if path in storage]
        self._node.send(self._store.coordinator, f"{self._store.name}-report", (storage.free_bytes, names))

    def report_always(self) -> Program:
        """Report at once and with every heartbeat."""
        while True:
            self.report()
            yield self._node.timer(self._store.heartbeat_s)

    def scrub_always(self, pause_s: float) -> Program:
        """Read one block after the other, so that rot is found before the last copy rots."""
        done: dict[str, None] = {}
        while True:
            yield self._node.timer(pause_s)
            path = next((path for path in self._paths() if path not in done), None)
            if path is None:
                done.clear()
            else:
                done[path] = None
                yield from self._read(path.removeprefix(self._prefix))

    def remove_torn(self) -> Generator[Event, Any, None]:
        """Remove what a crash has torn."""
        for path in self._paths():
            if self._node.storage.size_bytes(path) < Version.of(path.removeprefix(self._prefix)).size_bytes:
                yield from self._remove(path)

    def _paths(self) -> list[str]:
        """Where blocks are that are durable."""
        return [path for path in self._node.storage.keys(durable=True) if path.startswith(self._prefix)]

    def _finish(self, message: Message, body: Any, size_bytes: float | None = None) -> None:
        del self.begun[message.request_id]
        self._node.reply(message, body, size_bytes)

    def _read(self, name: str) -> Generator[Event, Any, Answer]:
        """A block's value; a copy that is damaged is removed, so that the coordinator has it restored."""
        path = self._prefix + name
        try:
            return "done", (yield self._node.storage.read(path))
        except (Failure, KeyError) as error:
            answer = refusal(error)
        self._record(self._store.name, answer[0], Version.of(name).key, self._node.name)
        if answer[0] == Corrupted.cause:
            yield from self._remove(path, only_damaged=True)
        self.report()
        return answer

    def _keep(self, block: Block) -> Generator[Event, Any, bool]:
        """Make a block durable here; says whether it is."""
        storage, path = self._node.storage, self._prefix + block.name
        yield from self._begin_change(path)
        kept = False
        try:
            if not (yield from self._intact(path)):
                yield storage.write(path, block.value, block.size_bytes)
            yield storage.flush()
            kept = True
        except Failure as failure:  # the disk is full, or has been lost
            self._record(self._store.name, failure.cause, Version.of(block.name).key, self._node.name)
        self._end_change(path)
        # Looked up, not concluded: the disk may have been lost between the two, or while the node was paused.
        return kept and storage.is_durable(path)

    def _remove(self, path: str, *, only_damaged: bool = False) -> Generator[Event, Any, None]:
        yield from self._begin_change(path)
        try:
            if not (only_damaged and (yield from self._intact(path))):
                yield self._node.storage.delete(path)
                yield self._node.storage.flush()
        except Failure:
            pass  # the disk has been lost, and the block with it
        self._end_change(path)

    def _intact(self, path: str) -> Generator[Event, Any, bool]:
        if path not in self._node.storage:
            return False
        try:
            yield self._node.storage.read(path)
        except (Corrupted, KeyError):
            return False
        return True

    def _begin_change(self, path: str) -> Generator[Event, Any, None]:
        """Wait until nobody else changes the block, then keep others from it."""
        while path in self._changing:
            yield self._changing[path]
        self._changing[path] = Event(self._node.env)

    def _end_change(self, path: str) -> None:
        fire(self._changing.pop(path))
