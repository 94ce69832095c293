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
    """Every attempt by its end, from "task_begin", "task_end", "task_cancel", "crash" and "abandoned" records.

    What was under way when the run ended is none, as nobody knows what it would have come to.
    """
    begun: dict[str, dict[str, float]] = {}  # by node and task
    done: dict[str, None] = {}
    stopped: dict[tuple[str, float], float] = {}  # when what a node began then was taken from its core
    found: list[Attempt] = []

    def lose(node: str, task: str, end_s: float | None) -> None:
        begin_s = begun[node].pop(task)
        if end_s is None:  # it was killed with its program, which says no more
            end_s = stopped.get((node, begin_s))
        if end_s is not None:
            found.append(Attempt(task, node, begin_s, end_s, "lost"))

    for row in rows:
        kind, time_s = row["kind"], row["time_s"]
        if kind == "task_begin":
            here = begun.setdefault(row["node"], {})
            if row["task"] in here:
                lose(row["node"], row["task"], None)
            here[row["task"]] = time_s
        elif kind == "task_end":
            task, node = row["task"], row["node"]
            state = "repeated" if task in done else "done"
            found.append(Attempt(task, node, begun[node].pop(task), time_s, state))
            done[task] = None
        elif kind == "task_cancel":
            lose(row["node"], row["task"], time_s)
        elif kind == "crash":
            for task in list(begun.get(row["node"], ())):
                lose(row["node"], task, time_s)
        elif kind == "abandoned":
            stopped[row["node"], row["begin_s"]] = time_s
    for node, tasks in begun.items():
        for task in list(tasks):
            lose(node, task, None)
    return sorted(found, key=lambda attempt: attempt.end_s)


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
