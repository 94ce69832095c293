"""A journal: records that are written one after another, durable a batch at a time, and read again after a crash."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from simcluster.cluster import Corrupted, DiskLost, Failure, Node, NotStored
from simcluster.engine import Event, Program, fire

AGAIN_S = 0.05
"""How long after the disk has refused a block it is asked again."""


class Journal:
    """What a replica must not forget, on the disk of its node.

    ``append`` takes a record in at once; ``run`` writes all that have come meanwhile in one block and flushes it (group
    commit), and ``durable`` waits for that. A block has a key of its own, so that a torn write harms no older record:
    what a crash has torn was never durable, and nobody has been told that it was. ``begin_anew`` lets what ``whole()``
    gives take the place of all before, as a snapshot does; so does the loss of the disk.

    Without ``flush`` blocks are written and not flushed, a mistake to be shown: a crash takes what others rely on.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        whole: Callable[[], Iterable[Any]],
        *,
        flush: bool = True,
    ) -> None:
        self._node, self._prefix, self._whole, self._flush = node, f"{name}/", whole, flush
        self._queue: list[Any] = []
        self._base = False  # whether what waits takes the place of all before
        self._block = 0
        self._number = 0
        self._durable = 0
        self._work = Event(node.env)
        self._waiting: list[tuple[int, Event]] = []

    def append(self, record: Any) -> None:
        """Take a record in."""
        self._queue.append(record)
        self._number += 1
        if not self._work.triggered:
            fire(self._work)

    def begin_anew(self) -> None:
        """Let what ``whole`` gives take the place of all records so far."""
        self._base, self._queue = True, []
        self.append(None)

    def durable(self) -> Generator[Event, Any, None]:
        """Steps until all that was appended before is durable."""
        if self._durable < self._number:
            event = Event(self._node.env)
            self._waiting.append((self._number, event))
            yield event

    def restore(self) -> Generator[Event, Any, list[Any]]:
        """Steps whose value are the records that were durable, from the last beginning anew on."""
        storage = self._node.storage
        records: list[Any] = []
        lost: list[str] = []
        for key in sorted(self._blocks()):
            self._block = int(key.removeprefix(self._prefix))
            try:
                base, block = yield storage.read(key)
            except (Corrupted, NotStored):
                lost.append(key)
                continue
            records = [*block] if base else [*records, *block]
        for key in lost:
            yield storage.delete(key)
        return records

    def run(self) -> Program:
        """Write what has been appended, for ever."""
        while True:
            if not self._queue:
                self._work = Event(self._node.env)
                yield self._work
            records, base, number = self._queue, self._base, self._number
            self._queue, self._base, self._block = [], False, self._block + 1
            while True:
                try:
                    yield from self._write(tuple(self._whole()) if base else tuple(records), base)
                    break
                except DiskLost:
                    base, self._queue, number = True, [], self._number
                except Failure:  # the disk is full
                    yield self._node.timer(AGAIN_S)
            self._settle(number)
            if base:
                yield from self._remove_older()

    def _write(self, records: tuple[Any, ...], base: bool) -> Program:
        storage = self._node.storage
        yield storage.write(f"{self._prefix}{self._block:09d}", (base, records))
        if self._flush:
            yield storage.flush()

    def _remove_older(self) -> Program:
        """What is older than a beginning is room for others; durably gone it need not be."""
        newest = f"{self._prefix}{self._block:09d}"
        for key in self._blocks():
            if key < newest:
                yield self._node.storage.delete(key)

    def _blocks(self) -> list[str]:
        return [key for key in self._node.storage.keys() if key.startswith(self._prefix)]  # noqa: SIM118

    def _settle(self, number: int) -> None:
        self._durable = max(self._durable, number)
        waiting, self._waiting = self._waiting, []
        for wanted, event in waiting:
            if wanted <= self._durable:
                fire(event)
            else:
                self._waiting.append((wanted, event))
