"""Registers whose values are each written once: the zones of Gibbons & Korach, in time near-linear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from simcluster.measurement.checkers.models import CasRegister, KeyValue, Register
from simcluster.measurement.histories import NEVER, Operation, Plain


class Misplaced(NamedTuple):
    """Values of a key of which no order is right: one that was never written or read too soon, or two that collide."""

    key: Plain
    values: tuple[Plain, ...]


def misplaced(model: Any, operations: Sequence[Operation]) -> Misplaced | bool | None:
    """Values that no order explains, ``None`` when there is an order, ``False`` when this algorithm cannot tell.

    It can where only reads and writes of registers were asked for, and no value was written to a key twice, nor the
    initial one. The operations of one value are its write and its reads; the value's zone is from the first end among
    them to the last begin. Where that is forwards the register has that value throughout; where it is backwards, at
    some moment in it. A register is linearizable when no read is over before its write begins, no two forward zones
    overlap, and no backward zone lies in a forward one (Gibbons & Korach 1997, Testing shared memories).
    """
    if type(model) not in (Register, CasRegister, KeyValue):
        return False
    initial, skips_nil = model.initial, model.nil_read == "unknown"
    reads_of, writes_of = model.reads, model.writes
    keys: dict[Plain, int] = {}
    numbers: dict[tuple[Plain, Plain], int] = {}
    begins: list[int] = []
    ends: list[int] = []
    reads: list[Operation] = []
    for each in operations:
        _, f, key, value, status, result = each[:6]
        if f in reads_of:
            if status == "ok" and not (result is None and skips_nil):
                reads.append(each)
        elif f not in writes_of:
            return False
        elif status != "fail":
            if value == initial or (key, value) in numbers:
                return False
            numbers[(key, value)] = len(begins)
            begins.append(each.begin)
            ends.append(each.end if status == "ok" else NEVER)
        keys.setdefault(key, len(keys))
    for key in keys:
        numbers[(key, initial)] = len(begins)
        begins.append(-1)
        ends.append(-1)
    of = np.array([numbers.get((each.key, each.result), -1) for each in reads], dtype=np.int64)
    if len(of) and of.min() < 0:
        first = reads[int(of.argmin())]
        return Misplaced(first.key, (first.result,))
    key_of = np.array([keys[key] for key, _ in numbers], dtype=np.int64)
    found = _colliding(np.array(begins), np.array(ends), of, reads, key_of)
    names = list(numbers) if found else []
    return Misplaced(names[found[0]][0], tuple(names[place][1] for place in found)) if found else None


def _colliding(begins: Any, ends: Any, of: Any, reads: Sequence[Operation], key_of: Any) -> tuple[int, ...]:
    """The numbers of values that no order explains, if there are any."""
    read_begins = np.array([each.begin for each in reads], dtype=np.int64)
    read_ends = np.array([each.end for each in reads], dtype=np.int64)
    early = np.flatnonzero(read_ends < begins[of])
    if len(early):
        return (int(of[early[0]]),)
    first_end, last_begin = ends.copy(), begins.copy()
    np.minimum.at(first_end, of, read_ends)
    np.maximum.at(last_begin, of, read_begins)
    # A write that nobody saw, and of which nobody knows whether it happened, did not.
    kept = np.flatnonzero(first_end < NEVER)
    # Positions of all keys on one line, those of each key in a stretch of their own.
    stretch = 2 + int(max(last_begin.max(initial=0), first_end[kept].max(initial=0)))
    start, end = (key_of[kept] * stretch + 1 + each[kept] for each in (first_end, last_begin))
    forward = start < end
    order = kept[forward][np.argsort(start[forward])]
    begin, last = np.sort(start[forward]), end[forward][np.argsort(start[forward])]
    clash = np.flatnonzero(last[:-1] > begin[1:])
    if len(clash):
        return int(order[clash[0]]), int(order[clash[0] + 1])
    # Forward zones do not overlap: only the last that begins before a backward zone can hold it.
    back, back_begin, back_end = kept[~forward], end[~forward], start[~forward]
    holder = np.searchsorted(begin, back_begin, side="right") - 1
    held = np.flatnonzero((holder >= 0) & (back_end < np.concatenate([last, [0]])[holder]))
    return (int(order[holder[held[0]]]), int(back[held[0]])) if len(held) else ()
