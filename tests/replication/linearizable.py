"""A small search for a linearization (Wing & Gong 1993, with Lowe's memory of states), of a run's records."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple


class Seen(NamedTuple):
    """An operation, as its client saw it; ``end_s`` is infinite when nobody knows what became of it."""

    begin_s: float
    end_s: float
    f: str
    value: object
    result: object


def history(trace, failed=False):
    """What clients saw, by key; operations that failed for certain are left out."""
    begun, keys = {}, defaultdict(list)
    ends = {row["operation"]: row for row in trace.rows("complete")}
    for row in trace.rows("invoke"):
        begun[row["operation"]] = row
    for number, row in begun.items():
        end = ends.get(number)
        known = end is not None and end["status"] == "ok"
        if (end is not None and end["status"] == "fail") or (not known and row["f"] == "read"):
            continue
        end_s = end["time_s"] if known else math.inf
        keys[row["key"]].append(Seen(row["time_s"], end_s, row["f"], row["value"], end["result"] if known else None))
    return keys


def step(state, seen):
    """Whether an operation can be next, and the state after it."""
    if seen.f == "read":
        return state == seen.result, state
    if seen.f == "write":
        return True, seen.value
    if seen.f == "cas":
        return state == seen.value[0], seen.value[1]
    if seen.f == "append":
        return True, (*(state or ()), seen.value)
    return True, (state or 0) + (seen.value if seen.f == "increment" else -seen.value)


def linearizable(operations, initial=None):
    """Whether there is an order of the operations of one key that each client could have seen."""
    order = sorted(operations)
    count = len(order)
    sure = sum(1 << place for place, seen in enumerate(order) if seen.end_s < math.inf)
    stack, known = [(0, initial)], {(0, initial)}
    while stack:
        done, state = stack.pop()
        if done & sure == sure:
            return True
        first = 0
        while done >> first & 1:
            first += 1
        end_s = math.inf
        for place in range(first, count):
            if done >> place & 1:
                continue
            seen = order[place]
            if seen.begin_s > end_s:
                break
            end_s = min(end_s, seen.end_s)
            can, after = step(state, seen)
            if can and (now := (done | 1 << place, after)) not in known:
                known.add(now)
                stack.append(now)
    return False


def broken_key(trace):
    """The first key whose history is not linearizable, or ``None``."""
    return next((key for key, seen in sorted(history(trace).items()) if not linearizable(seen)), None)
