"""Makespan and utilisation of a task graph's run, from its trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Span(NamedTuple):
    """One task on one node, from the beginning of its computation to its end: a bar of a Gantt chart."""

    task: str
    node: str
    begin_s: float
    end_s: float


def spans(rows: Iterable[Row]) -> list[Span]:
    """Every completed computation of a task, by its end, from "task_begin" and "task_end" records.

    A computation that a crash cut short has no span; a task that was done again has one for each time.
    """
    begun: dict[tuple[str, str], float] = {}
    found = []
    for row in rows:
        if row["kind"] == "task_begin":
            begun[row["task"], row["node"]] = row["time_s"]
        elif row["kind"] == "task_end":
            begin_s = begun.pop((row["task"], row["node"]))
            found.append(Span(row["task"], row["node"], begin_s, row["time_s"]))
    return found


def makespan_s(rows: Iterable[Row]) -> float:
    """From the start of the run to the end of the last task, in seconds; 0 without any."""
    return max((span.end_s for span in spans(rows)), default=0.0)


def node_utilisation(
    rows: Iterable[Row], cores: Mapping[str, int], held: Mapping[str, int] | None = None
) -> dict[str, float]:
    """The share of its core-seconds, up to the makespan, that each node spent on tasks it completed.

    ``cores`` names the nodes, in the order of the answer. ``held`` says how many cores a task holds, where that is not
    one. Raises ``ValueError`` for a task on another node.
    """
    done = spans(rows)
    last_s = max((span.end_s for span in done), default=0.0)
    busy_s = dict.fromkeys(cores, 0.0)
    for span in done:
        if span.node not in busy_s:
            raise ValueError(f"nodes must be among {list(cores)}, got {span.node!r}")
        busy_s[span.node] += (span.end_s - span.begin_s) * (1 if held is None else held.get(span.task, 1))
    return {node: busy / (last_s * cores[node]) if last_s else 0.0 for node, busy in busy_s.items()}
