"""A remote store: one node keeps values for all others and serves them over the network.

Every version of a value is a block of its own, ``key#number``, where the number is the id of the request that wrote
it; ids grow in time. So a retry, a duplicate or a late message is known by its number even after the server has
crashed, and a torn write leaves the old version whole. A write is answered when the new version is durable and
the old one durably gone; two versions on the disk therefore mean that nobody has been told of the newer one.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any, Literal

from simcluster.cluster import Cluster, Corrupted, DiskLost, Failure, Message, Node
from simcluster.cluster.messages.message import HEADER_BYTES, freeze
from simcluster.engine import Count, Event, Name, NodeName, Period, Program, Spec
from simcluster.recovery.answer import Answer, refusal, shelf_of, value_of
from simcluster.recovery.retry import ask


class RemoteStore(Spec):
    """Storage on one node that all nodes can use.

    Writes to one key take effect in the order in which they were begun.
    """

    kind: Literal["remote"] = "remote"
    server: NodeName
    """The node that keeps the values."""
    timeout_s: Period = 1.0
    """After how long a request is sent again."""
    attempts: Count | None = None
    """How often it is sent in all (``None``: until there is an answer)."""
    name: Name = "store"
    """What its program and messages begin with; it tells stores on one node apart."""

    def start(self, cluster: Cluster) -> None:
        """Boot the server."""
        cluster[self.server].boot(partial(serve, store=self), f"{self.name}-server")

    def preload(self, cluster: Cluster, reader: str, key: str, value: Any, size_bytes: float) -> None:
        """Let a value lie on the server's disk, on which the server looks around as it begins."""
        path = Shelf.path(shelf_of("remote", self.name), key, cluster.network.new_id())
        cluster[self.server].storage.lay(path, value, size_bytes)

    def write(self, node: Node, key: str, value: Any, size_bytes: float | None = None) -> Generator[Event, Any, None]:
        """Write ``value`` from ``node``; when this returns it is durable on the server.

        Raises what the server's disk raised (``DiskFull``, ``DiskLost``, …), and after the last attempt ``TimedOut``
        (the value may have been written then, or may be yet) or why each of them was refused.
        """
        value, own_bytes = freeze(value)
        size_bytes = own_bytes if size_bytes is None else size_bytes
        value_of((yield from self._ask(node, "write", (key, value), HEADER_BYTES + size_bytes)))

    def read(self, node: Node, key: str) -> Generator[Event, Any, Any]:
        """The value under ``key``. Raises ``KeyError``, ``Corrupted``, or what ``ask`` does after the last attempt."""
        return value_of((yield from self._ask(node, "read", (key,), None)))

    def _ask(
        self, node: Node, what: str, body: tuple[Any, ...], size_bytes: float | None
    ) -> Generator[Event, Any, Message]:
        kind = f"{self.name}-{what}"
        return ask(
            node, self.server, kind, body, timeout_s=self.timeout_s, size_bytes=size_bytes, attempts=self.attempts
        )


def serve(node: Node, store: RemoteStore) -> Program:
    """Serve one request after the other."""
    shelf = Shelf(node, shelf_of("remote", store.name))
    refused: dict[int | str | None, Answer] = {}  # a write that failed is not done later, when it comes once more
    yield from shelf.recover()
    while True:
        message: Message = yield node.receive(f"{store.name}-write", f"{store.name}-read")
        size_bytes = float(HEADER_BYTES)
        try:
            if message.request_id in refused:
                answer: Answer = refused[message.request_id]
            elif message.kind.endswith("-write"):
                answer = ("done", None)
                key, value = message.body
                written_bytes = message.size_bytes - HEADER_BYTES  # which no liar rewrites, as it could a number
                yield from shelf.write(int(message.request_id or 0), key, value, written_bytes)
            else:
                answer = ("done", (yield from shelf.read(message.body[0])))
                size_bytes += shelf.size_bytes(message.body[0])
        except (Failure, KeyError) as error:
            answer = refusal(error)
            if message.kind.endswith("-write"):
                refused[message.request_id] = answer
        node.reply(message, answer, size_bytes)


class Shelf:
    """The versions of values on one node's disk: ``newest`` by key, and which are ``sure`` to be intact."""

    def __init__(self, node: Node, prefix: str) -> None:
        self._storage = node.storage
        self._prefix = prefix
        self._newest: dict[str, int] = {}
        self._sure: dict[str, None] = {}

    def recover(self) -> Generator[Event, Any, None]:
        """Look through the disk after a crash; of two versions the newer one counts if it is whole."""
        looked = False
        while not looked:
            try:
                yield from self._look()
                looked = True
            except DiskLost:
                self._newest.clear()  # an empty disk has taken its place

    def _look(self) -> Generator[Event, Any, None]:
        versions: dict[str, list[int]] = {}
        paths = self._storage.keys()
        for path in paths:
            if path.startswith(self._prefix):
                key, _, number = path.removeprefix(self._prefix).rpartition("#")
                versions.setdefault(key, []).append(int(number))
        for key, numbers in versions.items():
            numbers.sort()
            while len(numbers) > 1:
                surplus = 0 if (yield from self._intact(self._path(key, numbers[-1]))) else -1
                yield self._storage.delete(self._path(key, numbers.pop(surplus)))
                yield self._storage.flush()
            self._newest[key] = numbers[0]

    def read(self, key: str) -> Generator[Event, Any, Any]:
        """The newest version of the value."""
        if key not in self._newest:
            raise KeyError(key)
        try:
            return (yield self._storage.read(self._path(key, self._newest[key])))
        except KeyError:
            raise KeyError(key) from None  # the disk has been lost meanwhile

    def size_bytes(self, key: str) -> float:
        """The size of the newest version."""
        return self._storage.size_bytes(self._path(key, self._newest[key]))

    def write(self, number: int, key: str, value: Any, size_bytes: float) -> Generator[Event, Any, None]:
        """Make version ``number`` durable, unless it, or a newer one, is.

        Raises ``Corrupted`` when a newer one is there and damaged: an old value in its place would be a lie.
        """
        newest = self._newest.get(key, -1)
        path = self._path(key, newest)
        if number <= newest:
            if key in self._sure or (yield from self._intact(path)):
                self._sure[key] = None
                return
            if number < newest:
                raise Corrupted(f"a newer version of {key!r} than {number} is damaged")
        yield self._storage.write(self._path(key, number), value, size_bytes)
        yield self._storage.flush()
        if 0 <= newest != number:
            yield self._storage.delete(path)
            yield self._storage.flush()
        self._newest[key] = number
        self._sure[key] = None

    @staticmethod
    def path(prefix: str, key: str, number: int) -> str:
        """Where a version lies."""
        return f"{prefix}{key}#{number}"

    def _path(self, key: str, number: int) -> str:
        return self.path(self._prefix, key, number)

    def _intact(self, path: str) -> Generator[Event, Any, bool]:
        try:
            yield self._storage.read(path)
        except (Corrupted, KeyError):
            return False
        return True
