"""Which write each read saw: reads and writes of keys, as arrays, where no value is written twice to a key."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcluster.measurement.checkers.judgement import Anomaly
from simcluster.measurement.histories import BadHistory, History, Operation, Plain

READS = ("read", "get", "r")
WRITES = ("write", "put", "w")


@dataclass(frozen=True)
class ReadsFrom:
    """Reads that returned, and writes that did not fail, in the order of their invocations, and the versions of keys.

    A version is a key with a value, a number below ``versions``; the first ``keys`` are the initial ones. ``read`` (n,)
    tells reads from writes, ``version`` (n,) is what each read or wrote, ``key_of`` (versions,) the key of a version,
    ``writer`` (versions,) the operation that wrote it, −1 of the initial ones. ``thin_air`` are anomalies: reads of
    what nobody wrote, which are not among the operations.
    """

    operations: tuple[Operation, ...]
    process: Any
    key: Any
    read: Any
    version: Any
    key_of: Any
    writer: Any
    keys: int
    thin_air: tuple[Anomaly, ...]

    @property
    def versions(self) -> int:
        """How many versions there are."""
        return len(self.writer)


def reads_from(history: History, initial: Plain = None) -> ReadsFrom:
    """The reads and writes of a history whose registers are ``initial`` at first.

    Raises ``BadHistory`` for an operation that is neither a read nor a write, and for a value that is written to a key
    twice, or is the initial one: then nobody knows what a read saw.
    """
    numbers: dict[Hashable, int] = {}
    key_numbers: dict[Plain, int] = {}
    kept: list[Operation] = []
    writers: list[tuple[Plain, Plain]] = []
    for place, each in enumerate(history.operations):
        key_numbers.setdefault(each.key, len(key_numbers))
        if each.f in WRITES:
            if each.status == "fail":
                continue
            written = (each.key, each.value)
            if written in numbers or each.value == initial:
                rule = f"a value must be written to a key once only, and not the initial one, got {each.value!r:.80}"
                raise BadHistory(history.line(place), rule)
            numbers[written] = len(writers)
            writers.append(written)
            kept.append(each)
        elif each.f not in READS:
            rule = f"an operation must be one of {', '.join((*READS, *WRITES))}, got {each.f!r}"
            raise BadHistory(history.line(place), rule)
        elif each.status == "ok":
            kept.append(each)
    keys = len(key_numbers)
    for key, number in key_numbers.items():
        numbers[(key, initial)] = number - keys  # initial versions come before the others
    return _arrays(kept, numbers, key_numbers, keys)


def _arrays(
    kept: list[Operation], numbers: dict[Hashable, int], key_numbers: dict[Plain, int], keys: int
) -> ReadsFrom:
    thin = [each for each in kept if each.f in READS and (each.key, each.result) not in numbers]
    if thin:
        gone = {each.begin for each in thin}
        kept = [each for each in kept if each.begin not in gone]
    processes: dict[Plain, int] = {}
    read = np.array([each.f in READS for each in kept], dtype=bool)
    version = np.array(
        [numbers[(each.key, each.result if each.f in READS else each.value)] + keys for each in kept], dtype=np.int64
    )
    key_of = np.concatenate([np.arange(keys), np.zeros(len(numbers) - keys, dtype=np.int64)])
    writer = np.full(len(numbers), -1, dtype=np.int64)
    key = np.array([key_numbers[each.key] for each in kept], dtype=np.int64)
    writes = np.flatnonzero(~read)
    writer[version[writes]] = writes
    key_of[version[writes]] = key[writes]
    anomalies = tuple(
        Anomaly("read from thin air", f"{each.result!r} was never written to key {each.key!r}, or failed", (each,))
        for each in thin
    )
    process = np.array([processes.setdefault(each.process, len(processes)) for each in kept], dtype=np.int64)
    return ReadsFrom(tuple(kept), process, key, read, version, key_of, writer, keys, anomalies)
