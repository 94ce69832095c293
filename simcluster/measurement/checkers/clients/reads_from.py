"""Which write each read saw: reads and writes of keys, as arrays, where no value is written twice to a key."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcluster.measurement.checkers.judgement import Anomaly
from simcluster.measurement.histories import PLAIN, BadHistory, History, Operation, Plain, is_plain

READS = ("read", "get", "r")
WRITES = ("write", "put", "w")
_WORDS = ", ".join((*READS, *WRITES))


@dataclass(frozen=True)
class ReadsFrom:
    """Reads that returned, and writes that did not fail, in the order of their invocations, and the versions of keys.

    A version is a key with a value, a number below ``versions``; the first ``keys`` are the initial ones. ``read`` (n,)
    tells reads from writes, ``ok`` (n,) what is known to have happened; ``version`` (n,) is what each read or wrote,
    ``key_of`` (versions,) the key of a version, ``writer`` (versions,) the operation that wrote it, −1 of the initial
    ones. ``thin_air`` are anomalies: reads of
    what nobody wrote, which are not among the operations.
    """

    operations: tuple[Operation, ...]
    process: Any
    key: Any
    read: Any
    ok: Any
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
    twice, or is the initial one: then nobody knows what a read saw. ``ValueError`` for an ``initial`` that no value is.
    """
    if not is_plain(initial):
        raise ValueError(f"initial must be {PLAIN}, got {initial!r:.80}")
    numbers: dict[Hashable, int] = {}
    key_numbers: dict[Plain, int] = {}
    kept: list[Operation] = []
    written: list[int] = []
    asked: list[tuple[Plain, Plain]] = []  # of what is kept the version
    for place, each in enumerate(history.operations):
        _, f, key, value, status, result = each[:6]
        key_numbers.setdefault(key, len(key_numbers))
        if f in READS:
            if status == "ok":
                kept.append(each)
                asked.append((key, result))
        elif f not in WRITES:
            raise BadHistory(history.line(place), f"an operation must be one of {_WORDS}, got {f!r}")
        elif status != "fail":
            if (key, value) in numbers or value == initial:
                rule = "a value must be written to a key once only, and not the initial one"
                raise BadHistory(history.line(place), f"{rule}, got {value!r:.80}")
            numbers[(key, value)] = len(written)
            written.append(len(kept))
            kept.append(each)
            asked.append((key, value))
    keys = len(key_numbers)
    for key, number in key_numbers.items():
        numbers[(key, initial)] = number - keys  # initial versions come before the others
    nowhere = len(written)
    version = np.array([numbers.get(each, nowhere) for each in asked], dtype=np.int64) + keys
    key_of = np.array([*range(keys), *(key_numbers[asked[place][0]] for place in written)], dtype=np.int64)
    writer = np.concatenate([np.full(keys, -1), np.array(written, dtype=np.int64)])
    there = version < keys + nowhere
    if not there.all():
        gone = np.flatnonzero(~there).tolist()
        writer[keys:] = np.cumsum(there)[writer[keys:]] - 1
        thin = [kept[place] for place in gone]
        kept = [each for each, is_there in zip(kept, there.tolist(), strict=True) if is_there]
        version = version[there]
    else:
        thin = []
    anomalies = tuple(
        Anomaly("read from thin air", f"{each.result!r} was never written to key {each.key!r}, or failed", (each,))
        for each in thin
    )
    processes: dict[Plain, int] = {}
    process = np.array([processes.setdefault(each[0], len(processes)) for each in kept], dtype=np.int64)
    read = np.ones(len(kept), dtype=bool)
    read[writer[keys:]] = False
    ok = np.array([each[4] == "ok" for each in kept], dtype=bool)
    return ReadsFrom(tuple(kept), process, key_of[version], read, ok, version, key_of, writer, keys, anomalies)
