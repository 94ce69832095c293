"""A shelf: what a replica holds under each key, on its disk too where it is durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simcluster.cluster import Corrupted, Failure, Node
from simcluster.engine import Program
from simcluster.recovery.answer import shelf_of


class Shelf:
    """The states that a replica holds by key, in ``held``.

    Where it is ``durable`` a state counts when it has been written and flushed: beside the one before, never over it,
    so that a crash leaves one of the two, also with torn writes. Changes of one key build on each other in the order in
    which they are asked for; ``changed(key, before, after)`` is told of each as it counts.
    """

    def __init__(
        self, node: Node, name: str, empty: Any, durable: bool, changed: Callable[[str, Any, Any], None]
    ) -> None:
        self.held: dict[str, Any] = {}
        self._node = node
        self._prefix = shelf_of("replica", name)
        self._empty = empty
        self._durable = durable
        self._changed = changed
        self._pending: dict[str, Any] = {}  # what a key will hold when the disk has done all that it was asked for
        self._places: dict[str, str] = {}  # where the state that counts lies
        self._written = 0

    def get(self, key: str) -> Any:
        """The state under a key, or the empty one."""
        return self.held.get(key, self._empty)

    def restore(self) -> Program:
        """Steps that find what the disk has kept; a state that is damaged is as if it had not been written."""
        newest: dict[str, int] = {}
        for place in self._node.storage.keys() if self._durable else ():
            if not place.startswith(self._prefix):
                continue
            self._written = max(self._written, int(place.rpartition("/")[2]) + 1)
            try:
                key, number, state = yield self._node.storage.read(place)
            except Corrupted:
                continue
            if number >= newest.get(key, 0):
                newest[key], self.held[key], self._places[key] = number, state, place
        self._pending = dict(self.held)

    def take(self, key: str, change: Callable[[Any], Any], then: Callable[[], object] = lambda: None) -> None:
        """Let what is under a key be what ``change`` makes of it, and call ``then`` when that counts.

        Where the disk refuses, ``then`` is never called.
        """
        before = self._pending.get(key, self._empty)
        after = self._pending[key] = change(before)
        if not self._durable:
            self._count(key, after)
            then()
        elif self.get(key) == after:
            then()
        else:  # also what is under way already: the disk may refuse that
            self._node.spawn(self._store(key, after, then))

    def _store(self, key: str, state: Any, then: Callable[[], object]) -> Program:
        storage, number = self._node.storage, self._written
        place = f"{self._prefix}{number}"
        self._written += 1
        try:
            yield storage.write(place, (key, number, state))
            yield storage.flush()
        except Failure:
            return  # who waits for it asks again
        if key in self._places:
            storage.delete(self._places[key])
        self._places[key] = place
        self._count(key, state)
        then()

    def _count(self, key: str, state: Any) -> None:
        before, self.held[key] = self.get(key), state
        if state != before:
            self._changed(key, before, state)
