"""Transactions that write and read registers: the order of versions is what follows from reads before writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from simcluster.measurement.checkers.cycles import Graph, components
from simcluster.measurement.checkers.judgement import Judgement
from simcluster.measurement.checkers.steps import checked_steps
from simcluster.measurement.checkers.transactions.circles import circles
from simcluster.measurement.checkers.transactions.dependencies import (
    RW,
    WR,
    WW,
    Dependencies,
    Isolation,
    bad,
    judged_by,
)
from simcluster.measurement.histories import PLAIN, History, Operation, Plain, is_plain

_WRITES, _READS = ("w", "write"), ("r", "read")


def rw_register(
    history: History, isolation: Isolation = "serializable", realtime: bool = False, initial: Plain = None
) -> Judgement:
    """Which anomalies registers have, of operations that are lists of (w, key, value) and (r, key, value).

    Each value is written to a key once, and the ``initial`` one never. A version comes after another where a
    transaction read or wrote that one before it wrote this one, and all come after the initial one. Found is what
    ``list_append`` finds, as far as this little knowledge goes. Raises ``BadHistory`` for other operations.
    """
    found = _Registers(history, initial)
    found.infer()
    if realtime:
        found.known.add_times()
    anomalies, why = circles(found.known)
    return judged_by(isolation, len(history), [*found.known.anomalies, *anomalies], why)


class _Registers:
    def __init__(self, history: History, initial: Plain) -> None:
        if not is_plain(initial):
            raise ValueError(f"initial must be {PLAIN}, got {initial!r:.80}")
        self.initial = initial
        self.known = Dependencies([])
        self.writer: dict[Any, int] = {}  # (key, value) → the transaction that wrote it
        self.aborted: set[Any] = set()
        self.last: dict[tuple[int, Plain], Plain] = {}
        self.read: dict[tuple[int, Plain], Plain] = {}  # what a transaction read of a key before it wrote it
        self.follows: dict[Any, list[Plain]] = {}  # (key, value) → values that come after it
        for place, each in enumerate(history.operations):
            try:
                steps = checked_steps(each)
            except ValueError as error:
                raise bad(history, place, str(error)) from None
            number = len(self.known.transactions)
            if each.status != "fail":
                self.known.transactions.append(each)
            self._take(history, place, number, each, steps)

    def _take(self, history: History, place: int, number: int, each: Operation, steps: tuple[Any, ...]) -> None:
        now: dict[Plain, Plain] = {}  # what the transaction must see of a key
        for f, key, value in steps:
            if f in _WRITES:
                if (key, value) in self.writer or (key, value) in self.aborted or value == self.initial:
                    rule = f"a value must be written to a key once, and not the initial one, got {value!r:.80}"
                    raise bad(history, place, rule)
                if each.status == "fail":
                    self.aborted.add((key, value))
                    continue
                if key in now:
                    self.follows.setdefault((key, now[key]), []).append(value)
                self.writer[(key, value)] = number
                self.last[(number, key)] = now[key] = value
            elif f not in _READS:
                raise bad(history, place, f"a step must be one of r, w, read, write, got {f!r:.80}")
            elif each.status == "ok":
                if key in now and now[key] != value:
                    sentence = f"a transaction does not see its own steps: it read {value!r} of key {key!r}"
                    self.known.wrong("internal", f"{sentence} after {now[key]!r}", number)
                elif key not in now:
                    self.read[(number, key)] = value
                now.setdefault(key, value)

    def infer(self) -> None:
        """Edges and anomalies from what was read."""
        known = self.known
        self._versions()
        readers: dict[Any, list[int]] = {}
        for (number, key), value in self.read.items():
            readers.setdefault((key, value), []).append(number)
            if value == self.initial:
                continue
            if (key, value) in self.aborted:
                known.wrong("G1a", f"{value!r} of key {key!r} was read, and its transaction failed", number)
            elif (key, value) not in self.writer:
                known.wrong("read from thin air", f"{value!r} of key {key!r} was read and never written", number)
            else:
                writer = self.writer[(key, value)]
                known.add(writer, number, WR, key, None, value)
                if self.last[(writer, key)] != value and writer != number:
                    sentence = f"{value!r} of key {key!r} was read, and its transaction wrote more"
                    known.wrong("G1b", sentence, writer, number)
        for (key, before), values in self.follows.items():
            for after in values:
                writer = self.writer[(key, after)]
                if (key, before) in self.writer:
                    known.add(self.writer[(key, before)], writer, WW, key, before, after)
                for reader in readers.get((key, before), ()):
                    known.add(reader, writer, RW, key, before, after)
        for (key, value), numbers in readers.items():
            updating = [number for number in numbers if (number, key) in self.last]
            if len(updating) > 1:
                known.wrong("lost update", f"both read {value!r} of key {key!r} and write it", *updating[:2])

    def _versions(self) -> None:
        """What comes after the initial versions. A circle of them is an anomaly, and no order is known of its key."""
        numbers: dict[Any, int] = {}
        edges = [
            (numbers.setdefault((key, before), len(numbers)), numbers.setdefault((key, after), len(numbers)))
            for (key, before), values in self.follows.items()
            for after in values
        ]
        source, target = (np.array([edge[end] for edge in edges], dtype=np.int64) for end in (0, 1))
        component = components(len(numbers), source, target) if edges else source
        inside = np.flatnonzero(component[source] == component[target]) if edges else source
        names = list(numbers)
        if len(inside):
            key = names[int(source[inside[0]])][0]
            back = Graph(len(numbers), source, target).path(int(target[inside[0]]), int(source[inside[0]])) or []
            circle = [names[int(source[edge])] for edge in [int(inside[0]), *back]]
            writers = [self.writer[version] for version in circle if version in self.writer]
            values = ", ".join(repr(value) for _, value in circle)
            sentence = f"of key {key!r} each comes before the next, in a circle: {values}"
            self.known.wrong("cyclic versions", sentence, *writers)
        broken = {names[int(source[edge])][0] for edge in inside}
        self.follows = {version: after for version, after in self.follows.items() if version[0] not in broken}
        seen = {(key, value) for (_, key), value in self.read.items()}
        later = {(key, after) for (key, _), values in self.follows.items() for after in values}
        for (key, value), number in self.writer.items():
            happened = self.known.transactions[number].status == "ok" or (key, value) in seen
            if happened and (key, value) not in later and key not in broken:
                self.follows.setdefault((key, self.initial), []).append(value)
