"""Checkpoints: state on storage that survives a crash (Young 1974; Daly 2006 on how often)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simcluster.cluster import Corrupted, Node
from simcluster.engine import Event


class Checkpoint:
    """The state that a program saves on its node's disk: two copies, of which the newer whole one counts.

    A save writes over the copy that does not count, with a number one higher, and flushes. So a crash at any moment,
    with torn writes too, leaves the old state or the new one, and a copy that rots leaves the one before. The disk
    needs room for both. ``name`` tells the programs of a node apart.
    """

    def __init__(self, node: Node, name: str = "program") -> None:
        self._storage = node.storage
        self._keys = (f"{name}.checkpoint-0", f"{name}.checkpoint-1")
        self._saves: int | None = None  # the number of the copy that counts; unknown until somebody has looked
        self._next_key = self._keys[0]

    def lay(self, state: Any, size_bytes: float) -> None:
        """Let ``state`` have been saved before the run. Raises ``DiskFull``."""
        self._storage.lay(self._next_key, (1, state), size_bytes)

    def save(self, state: Any, size_bytes: float | None = None) -> Generator[Event, Any, None]:
        """Write ``state``, of ``size_bytes`` if not of as many as it seems to have, and wait until it is durable.

        Raises ``DiskFull`` or ``DiskLost``; after ``DiskFull`` the state saved before still counts.
        """
        if self._saves is None:
            yield from self.find()
        saves = (self._saves or 0) + 1
        yield self._storage.write(self._next_key, (saves, state), size_bytes)
        yield self._storage.flush()
        self._count(self._next_key, saves)

    def restore(self) -> Generator[Event, Any, Any]:
        """The state that was last saved on this node, durable, or ``None`` when none has been. As ``find``."""
        found = yield from self.find()
        return None if found is None else found[0]

    def find(self) -> Generator[Event, Any, tuple[Any] | None]:
        """The state that was last saved on this node, durable and by itself in a tuple; ``None`` when none has been.

        A single copy that is damaged counts as the beginning of the first save. Raises ``Corrupted`` when there are
        two and both are damaged, and ``DiskLost``; what is saved afterwards counts all the same.
        """
        self._count(self._keys[1], 0)
        damaged: list[Corrupted] = []
        newest: tuple[Any] | None = None
        for key in self._keys:
            if key not in self._storage:
                continue
            try:
                saves, state = yield self._storage.read(key)
            except KeyError:
                continue  # the disk has been lost meanwhile
            except Corrupted as error:
                damaged.append(error)
                continue
            if saves > (self._saves or 0):
                self._count(key, saves)
                newest = (state,)
        if self._storage.unflushed_bytes:  # by a program that was killed before it could flush
            yield self._storage.flush()
        if len(damaged) == len(self._keys):
            raise damaged[0]
        return newest

    def _count(self, key: str, saves: int) -> None:
        """From now on the copy under ``key`` counts."""
        self._saves = saves
        self._next_key = self._keys[1 - self._keys.index(key)]
