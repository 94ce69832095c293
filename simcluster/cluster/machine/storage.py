"""A node's storage: what has been flushed survives a crash, what has only been written does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from simcluster.cluster.failure import Corrupted, DiskFull, DiskLost, Failure
from simcluster.cluster.machine.blocks import Block, Blocks
from simcluster.cluster.machine.disk import Disk, Operation, Work
from simcluster.cluster.messages.message import freeze
from simcluster.engine import Environment, Event, Positive, Record, Seconds, Spec, fail, fire, hint

DISK_RECORD = ("disk", "node", "operation", "key", "size_bytes", "begin_s", "outcome")
"""The kind and the fields of the record of each operation, made when the disk is done with it.

``begin_s`` is when its turn came, ``None`` when it never did; ``outcome`` is "done", "missing", "node_down", "torn", or
the cause of a failure.
"""

Poison = Callable[[np.ndarray, int | None], np.ndarray]
"""Labels, and how many classes there are (``None``: numbers of regression), to as many labels of the same kind."""


class StorageSpec(Spec):
    """A disk, as one would order it."""

    seek_s: Seconds = 0.0
    """Seconds to reach a place, for each read, write and delete."""
    bandwidth_bytes_per_s: Positive = 5e8
    """Bytes per second that are read or written from there."""
    flush_s: Seconds = 0.001
    """Seconds to make written data durable, however much it is."""
    capacity_bytes: Positive | None = None
    """How much room there is (``None``: without limit)."""
    torn_writes: bool = False
    """Whether a crash in the midst of a write leaves the part that was written in the place of what was there.

    Otherwise the write did not happen.
    """


class NotStored(KeyError):
    """There is nothing under a key, the first of its ``args``; the second says what there is."""

    def __str__(self) -> str:
        return str(self.args[-1])


class Storage:
    """A disk with a volatile write cache and checksums that serves one operation after the other.

    Every operation is an event, and takes ``seek_s + size / bandwidth`` once its turn comes. What a ``write`` stored
    can be read when the write is done, but it survives a crash only when a ``flush`` that was asked for later has
    completed. The disk works on while its node is paused; the program hears of it when the node resumes. An
    operation fails with ``DiskLost`` when the disk is lost meanwhile.
    """

    def __init__(
        self,
        env: Environment,
        spec: StorageSpec,
        when_up: Callable[[Callable[[], None]], None],
        name: str = "",
        record: Record | None = None,
        require_up: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._env = env
        self._require_up = require_up
        self._spec = spec
        self._when_up = when_up
        self._name = name
        self._record = record or (lambda *_: None)
        self._disk = Disk(env, self._tell)
        self._blocks = Blocks()
        self._capacity_bytes = math.inf if spec.capacity_bytes is None else math.floor(spec.capacity_bytes)
        self._lost_unflushed = False
        self._filled: dict[object, None] = {}
        self._tearing: dict[object, None] = {}

    # What programs use

    @property
    def used_bytes(self) -> int:
        """The room that is taken, in whole bytes."""
        return self._blocks.used_bytes

    @property
    def free_bytes(self) -> float:
        """The room that is left; 0 while a fault fills the disk."""
        return 0.0 if self._filled else self._capacity_bytes - self._blocks.used_bytes

    @property
    def unflushed_bytes(self) -> float:
        """The size of what has been written and that a crash would lose."""
        return self._blocks.unflushed_bytes

    @property
    def queue_length(self) -> int:
        """Operations that are being served or wait."""
        return self._disk.queue_length

    def keys(self, durable: bool = False) -> tuple[str, ...]:
        """The keys that are there now, or only those that a crash would leave; those that are durable first."""
        return self._blocks.keys(durable)

    def __contains__(self, key: str) -> bool:
        return self._blocks.find(key) is not None

    def is_durable(self, key: str) -> bool:
        """Whether a crash now would leave something under ``key``; that may be an older value."""
        return self._blocks.is_durable(key)

    def size_bytes(self, key: str) -> float:
        """The size of what is under ``key``; 0 when there is nothing."""
        block = self._blocks.find(key)
        return 0.0 if block is None else block.size_bytes

    def write(self, key: str, value: Any, size_bytes: float | None = None) -> Event:
        """Write ``value``, as it is now, under ``key``.

        ``size_bytes`` defaults to the size of the value. The event fails with ``DiskFull`` when the key would grow by
        more than there is room; then nothing was written. Raises ``TypeError`` when the value is not plain data.
        """
        value, own_bytes = freeze(value)
        size_bytes = own_bytes if size_bytes is None else size_bytes
        if not (size_bytes >= 0 and math.isfinite(size_bytes)):
            raise ValueError(f"size_bytes must be finite and at least 0, got {size_bytes}")
        return self._submit("write", key, self._write(key, Block(value, size_bytes)))

    def delete(self, key: str) -> Event:
        """Remove ``key``, if it is there; that too is durable, and its room is free, after a flush."""
        return self._submit("delete", key, self._delete(key))

    def flush(self) -> Event:
        """Make all that was written before durable; fails with ``DiskLost`` when some of it has been lost since."""
        return self._submit("flush", "", self._flush())

    def read(self, key: str) -> Event:
        """The value last written under ``key``.

        The event fails with ``KeyError`` when there is none, with ``Corrupted`` when its checksum is wrong.
        """
        return self._submit("read", key, self._read(key))

    def lay(self, key: str, value: Any, size_bytes: float) -> None:
        """Let ``value`` lie under ``key``, durable, as if it had been written before the run: for jobs as they start.

        Raises ``DiskFull`` where there is no room for it.
        """
        block = Block(freeze(value)[0], size_bytes)
        self._require_room(key, block)
        self._blocks.lay(key, block)

    # What goes wrong. Each verb has its opposite, but for what is lost or rotten; faults may overlap in any order.

    @property
    def at_baseline(self) -> bool:
        """Whether no fault is at work on the disk."""
        return self._disk.at_baseline and not self._filled and not self._tearing

    def intact(self, key: str) -> bool:
        """Whether ``key`` is there with the right checksum: what a checker may see, and a program only by reading."""
        block = self._blocks.find(key)
        return block is not None and block.intact

    def slow(self, key: object, factor: float) -> None:
        """Take ``factor`` times longer for everything until ``quicken(key)``; several slow-downs multiply."""
        self._disk.slow(key, factor)

    def quicken(self, key: object) -> None:
        """Take back one slow-down."""
        self._disk.quicken(key)

    def fill(self, key: object) -> None:
        """Leave no room until ``drain(key)``; what is there can still be read, and be written over at its size."""
        self._filled[key] = None

    def drain(self, key: object) -> None:
        """Take back one filling."""
        del self._filled[key]

    def tear(self, key: object) -> None:
        """Until ``untear(key)``, let a crash leave the part of a write that was under way."""
        self._tearing[key] = None

    def untear(self, key: object) -> None:
        """Take back one tearing."""
        del self._tearing[key]

    def rot(self, count: int, generator: np.random.Generator) -> tuple[str, ...]:
        """Flip ``count`` durable bits, drawn evenly from all; the keys that were hit. Only a read notices."""
        hit = self._blocks.rot(count, generator)
        for key in hit:
            self._note("rot", key, self.size_bytes(key), "done", self._env.now)
        return hit

    def lose(self) -> None:
        """Lose everything, as when an empty disk takes the place of a broken one; all operations fail."""
        stopped, _ = self._disk.stop()
        self._lost_unflushed = self._lost_unflushed or self._blocks.unflushed
        self._note("lose", "", self._blocks.used_bytes, "done", self._env.now)
        self._blocks.clear()
        for operation in stopped:
            self._tell(operation, None, DiskLost(f"the disk of {self._name} was lost during {operation.name}"))

    def crash(self) -> None:
        """Lose what was not flushed, and every operation under way; with torn writes, leave a part of the first."""
        stopped, served_s = self._disk.stop()
        self._blocks.forget()
        self._lost_unflushed = False
        outcomes = ["node_down"] * len(stopped)
        if stopped and stopped[0].name == "write" and (self._tearing or self._spec.torn_writes):
            first = stopped[0]
            written_bytes = (served_s - self._spec.seek_s) * self._spec.bandwidth_bytes_per_s
            if written_bytes > 0:
                self._blocks.tear(first.key, min(written_bytes, first.size_bytes))
                outcomes[0] = "torn"
        for operation, outcome in zip(stopped, outcomes, strict=True):
            self._note(operation.name, operation.key, operation.size_bytes, outcome, operation.begin_s)

    # How it works

    def _submit(self, name: str, key: str, work: Work) -> Event:
        self._require_up(name)
        if not isinstance(key, str):
            raise TypeError(f"key must be text, got {key!r}")
        operation = Operation(name, key, work, Event(self._env))
        self._disk.submit(operation)
        return operation.done

    def _write(self, key: str, block: Block) -> Work:
        self._require_room(key, block)
        yield self._transfer_s(block.size_bytes), block.size_bytes
        self._blocks.put(key, block)

    def _require_room(self, key: str, block: Block) -> None:
        grows = self._blocks.growth(key, block.size_bytes)
        if grows > self.free_bytes and grows:
            raise DiskFull(f"{self._name} has {self.free_bytes:g} bytes free, {key!r} takes {grows} more")

    def _delete(self, key: str) -> Work:
        yield self._spec.seek_s, 0.0
        self._blocks.put(key, None)

    def _flush(self) -> Work:
        yield self._spec.flush_s, self._blocks.unflushed_bytes
        self._blocks.settle()
        if self._lost_unflushed:
            self._lost_unflushed = False
            raise DiskLost(f"the disk of {self._name} was lost before what had been written was flushed")

    def _read(self, key: str) -> Work:
        size_bytes = self.size_bytes(key)
        yield self._transfer_s(size_bytes), size_bytes
        block = self._blocks.find(key)
        if block is None:
            known = self.keys()
            rule = f"key must be one that is in the storage of {self._name}, {list(known[:12]) or 'where none is'}"
            raise NotStored(key, f"{rule}, got {key!r}{hint(key, known)}")
        if not block.intact:
            state = "torn" if block.torn else "rotten"
            raise Corrupted(f"the checksum of {key!r} on {self._name} is wrong: the block is {state}")
        return freeze(block.value)[0]  # with arrays of its own, which a reader may give another shape

    def _transfer_s(self, size_bytes: float) -> float:
        return self._spec.seek_s + size_bytes / self._spec.bandwidth_bytes_per_s

    def _tell(self, operation: Operation, result: Any, failure: Exception | None) -> None:
        """An operation is over: record it, and let its program hear of it as soon as the node is up."""
        outcome = "done"
        if failure is not None:
            outcome = failure.cause if isinstance(failure, Failure) else "missing"
        self._note(operation.name, operation.key, operation.size_bytes, outcome, operation.begin_s)
        if failure is None:
            self._when_up(partial(fire, operation.done, result))
        else:
            self._when_up(partial(fail, operation.done, failure))

    def _note(self, operation: str, key: str, size_bytes: float, outcome: str, begin_s: float | None) -> None:
        self._record(self._name, operation, key, size_bytes, begin_s, outcome)
