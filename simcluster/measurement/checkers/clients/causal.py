"""Causal consistency: who has seen an effect has seen its causes."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Any

import numpy as np

from simcluster.measurement.checkers.clients.reads_from import ReadsFrom, reads_from
from simcluster.measurement.checkers.cycles import Graph, components
from simcluster.measurement.checkers.judgement import Anomaly, Judgement, judged
from simcluster.measurement.histories import History, Operation, Plain


def causal(history: History, initial: Plain = None) -> Judgement:
    """Whether reads and writes are causally consistent: CC of Bouajjani et al. (2017), On verifying causal consistency.

    What comes before what is the order of each process, that each read comes after the write it saw, and what follows
    of both. The history is causal when this has no circle, when no read saw a version that was overwritten by another
    before it, and none saw the initial version after a write. An operation of which nobody knows whether it happened
    happened if its value was read. O(operations · processes) time and memory. Raises ``BadHistory`` as ``reads_from``.
    """
    seen = reads_from(history, initial)
    if seen.thin_air:
        return judged(len(history), seen.thin_air[:1])
    cause = np.where(seen.read, seen.writer[seen.version], -1)
    order = np.lexsort((np.arange(len(seen.operations)), seen.process))
    before = np.full(len(order), -1, dtype=np.int64)
    if len(order):
        follows = seen.process[order][1:] == seen.process[order][:-1]
        before[order[1:][follows]] = order[:-1][follows]
    clocks = _clocks(seen, cause, before)
    if clocks is None:
        circle = _circle(cause, before)
        sentence = "each comes before the next one, and the last before the first"
        return judged(len(history), [Anomaly("circle of causes", sentence, tuple(seen.operations[i] for i in circle))])
    found = _overwritten(seen, clocks)
    return judged(len(history), [found] if found else [])


def _clocks(seen: ReadsFrom, cause: Any, before: Any) -> Any:
    """Of each operation, how many of each process are not after it (n, processes), itself among them; None in circles.

    Vector clocks (Fidge 1988, Mattern 1989).
    """
    n = len(seen.operations)
    clocks = np.zeros((n, int(seen.process.max(initial=-1)) + 1), dtype=np.int32)
    followers: list[list[int]] = [[] for _ in range(n)]
    missing = [0] * n
    for each, sources in enumerate(zip(cause.tolist(), before.tolist(), strict=True)):
        for source in sources:
            if source >= 0:
                followers[source].append(each)
                missing[each] += 1
    ready = deque(each for each in range(n) if not missing[each])
    done = 0
    process = seen.process.tolist()
    while ready:
        each = ready.popleft()
        done += 1
        row = clocks[each]
        for source in (cause[each], before[each]):
            if source >= 0:
                np.maximum(row, clocks[source], out=row)
        row[process[each]] += 1
        for follower in followers[each]:
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    return clocks if done == n else None


def _circle(cause: Any, before: Any) -> list[int]:
    n = len(cause)
    source = np.concatenate([cause[cause >= 0], before[before >= 0]])
    target = np.concatenate([np.flatnonzero(cause >= 0), np.flatnonzero(before >= 0)])
    component = components(n, source, target)
    inside = np.flatnonzero(component[source] == component[target])
    graph = Graph(n, source[inside], target[inside])
    begin = int(source[inside[0]])
    back = graph.path(int(target[inside[0]]), begin) or []
    return [begin, *(int(source[inside[edge]]) for edge in back)]


def _overwritten(seen: ReadsFrom, clocks: Any) -> Anomaly | None:
    """A read of a version that was overwritten in what came before it."""
    # Of each key and process that wrote it: how many of the process' operations were over before each of its writes.
    writes: dict[int, dict[int, tuple[list[int], list[int]]]] = {}
    process, key = seen.process.tolist(), seen.key.tolist()
    for write in np.flatnonzero(~seen.read).tolist():
        places, numbers = writes.setdefault(key[write], {}).setdefault(process[write], ([], []))
        places.append(int(clocks[write, process[write]]))
        numbers.append(write)
    for read in np.flatnonzero(seen.read).tolist():
        saw = int(seen.writer[seen.version[read]])
        for who, (places, numbers) in writes.get(key[read], {}).items():
            known = int(clocks[read, who]) - (who == process[read])
            last = bisect_left(places, known + 1) - 1
            if last < 0 or numbers[last] == saw:
                continue
            other = numbers[last]
            if saw < 0 or clocks[other, process[saw]] >= clocks[saw, process[saw]]:
                shown: list[Operation] = [seen.operations[place] for place in (saw, other, read) if place >= 0]
                what = "the initial version" if saw < 0 else "a version"
                return Anomaly("overwritten before", f"a read saw {what} that another had overwritten", tuple(shown))
    return None
