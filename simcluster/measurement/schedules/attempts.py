"""Attempts: each time that a task was computed, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Attempt(NamedTuple):
    """One computation of a task on a node. It is "done", "repeated" (it had been done before), or "lost".

    Lost is what a crash took, and what was given up: preempted, or cancelled as it was done elsewhere.
    """

    task: str
    node: str
    begin_s: float
    end_s: float
    state: str


def attempts(rows: Iterable[Row]) -> list[Attempt]:
    """Every attempt by its end, from "task_begin", "task_end" and "abandoned" records.

    What was under way when the run ended is none, as nobody knows what it would have come to.
    """
    begun: dict[tuple[str, str], float] = {}
    done: dict[str, None] = {}
    found = []
    for row in rows:
        kind, end_s = row["kind"], row["time_s"]
        if kind == "task_begin":
            begun[row["task"], row["node"]] = end_s
        elif kind == "task_end":
            task, node = row["task"], row["node"]
            found.append(Attempt(task, node, begun.pop((task, node)), end_s, "repeated" if task in done else "done"))
            done[task] = None
        elif kind == "abandoned":
            node = row["node"]
            task = next((task for (task, on), at in begun.items() if on == node and at == row["begin_s"]), None)
            if task is not None:
                found.append(Attempt(task, node, begun.pop((task, node)), end_s, "lost"))
    return found


def wasted_share(tried: Iterable[Attempt], cores: Mapping[str, int] | None = None) -> float:
    """The share of all core-seconds of computing that came to nothing: repeated or lost. 0 where nothing was computed.

    ``cores`` says of each task how many cores it holds, where that is more than one.
    """
    all_s, wasted_s = [], []
    for attempt in tried:
        seconds = (attempt.end_s - attempt.begin_s) * (1 if cores is None else cores.get(attempt.task, 1))
        all_s.append(seconds)
        if attempt.state != "done":
            wasted_s.append(seconds)
    total_s = math.fsum(all_s)
    return math.fsum(wasted_s) / total_s if total_s else 0.0
