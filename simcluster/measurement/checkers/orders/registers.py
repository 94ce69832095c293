"""Registers whose values are each written once: the zones of Gibbons & Korach, in time near-linear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simcluster.measurement.checkers.models import CasRegister, KeyValue, Register
from simcluster.measurement.histories import NEVER, Operation, Plain

_READS = ("read", "get")
_WRITES = ("write", "put")


def has_unique_values(model: Any, operations: Sequence[Operation]) -> bool:
    """Whether these are reads and writes of a register only, and no value is written twice, nor the initial one."""
    if type(model) not in (Register, CasRegister, KeyValue):
        return False
    seen: set[Plain] = {model.initial}
    for each in operations:
        if each.f in _WRITES:
            if each.value in seen:
                return False
            seen.add(each.value)
        elif each.f not in _READS:
            return False
    return True


def misplaced(model: Any, operations: Sequence[Operation]) -> tuple[Plain, ...]:
    """Values of which no order is right: one that was never written or read too soon, or two whose zones collide.

    The operations of one value are its write and its reads; the value's zone is from the first end among them to the
    last begin. Where that is forwards the register has that value throughout; where it is backwards, at some moment in
    it. A history is linearizable when no read is over before its write begins, no two forward zones overlap, and no
    backward zone lies in a forward one (Gibbons & Korach 1997, Testing shared memories, theorem 4.2). Empty when it is.
    """
    numbers: dict[Plain, int] = {model.initial: 0}
    writes = [each for each in operations if each.f in _WRITES]
    for each in writes:
        numbers[each.value] = len(numbers)
    values = list(numbers)
    begins = np.array([-1, *(each.begin for each in writes)], dtype=np.int64)
    ends = np.array([-1, *(each.deadline for each in writes)], dtype=np.int64)
    first_end, last_begin = ends.copy(), begins.copy()
    read = np.zeros(len(values), dtype=bool)
    reads = [each for each in operations if each.f in _READS and each.status == "ok"]
    for each in reads:
        if each.result not in numbers:
            return (each.result,)
    of = np.array([numbers[each.result] for each in reads], dtype=np.int64)
    read_begins = np.array([each.begin for each in reads], dtype=np.int64)
    read_ends = np.array([each.deadline for each in reads], dtype=np.int64)
    early = np.flatnonzero(read_ends < begins[of]) if len(reads) else of
    if len(early):
        return (values[of[early[0]]],)
    np.minimum.at(first_end, of, read_ends)
    np.maximum.at(last_begin, of, read_begins)
    read[of] = True
    # A write that nobody saw, and of which nobody knows whether it happened, did not.
    kept = np.flatnonzero(read | (ends < NEVER))
    return tuple(values[place] for place in _colliding(kept, first_end[kept], last_begin[kept]))


def _colliding(places: Any, first_end: Any, last_begin: Any) -> tuple[int, ...]:
    """Two values whose zones collide, if there are any."""
    forward = first_end < last_begin
    at, begin, end = places[forward], first_end[forward], last_begin[forward]
    order = np.argsort(begin, kind="stable")
    at, begin, end = at[order], begin[order], end[order]
    clash = np.flatnonzero(end[:-1] > begin[1:])
    if len(clash):
        return int(at[clash[0]]), int(at[clash[0] + 1])
    if not len(at):
        return ()
    # Forward zones do not overlap: only the last that begins before a backward zone can hold it.
    back, back_begin, back_end = places[~forward], last_begin[~forward], first_end[~forward]
    holder = np.searchsorted(begin, back_begin, side="right") - 1
    held = np.flatnonzero((holder >= 0) & (begin[holder] < back_begin) & (back_end < end[holder]))
    return (int(at[holder[held[0]]]), int(back[held[0]])) if len(held) else ()
