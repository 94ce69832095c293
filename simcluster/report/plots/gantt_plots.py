"""Gantt charts: which task ran when, on which core of which node."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from simcluster.report.columns import column, shortened
from simcluster.report.plots.bands import COLOURS
from simcluster.report.plots.plots import figure

NAMED_MOST = 12
"""Of how many values the legend says the colour, and how many bars have their task written on them, times five."""
HATCHES = {"lost": "///", "repeated": "..."}
"""What is drawn over computing that came to nothing."""
DASHES: tuple[Any, ...] = ("--", ":", "-.")


def gantt(
    attempts: pd.DataFrame, *, by: str | None = None, bounds_s: Mapping[str, float] | None = None,
    title: str = "Which task ran when",
) -> Figure:  # fmt: skip
    """A bar for each attempt, on as many rows for each node as it had tasks at once.

    ``attempts`` has the columns task, node, begin_s and end_s, as the series "spans" and "attempts" of a task graph;
    ``by`` is the column that says the colours, as "job", "user" or "state". Where there is a column "state", what was
    lost is hatched, and what was repeated dotted. ``bounds_s`` are times by name, such as lower bounds, each a line.
    Raises ``ValueError`` for a column that is not there, and for a table without a row.
    """
    if not len(attempts):
        raise ValueError("there must be at least one attempt, got none")
    nodes, tasks = (column(attempts, name, name).astype(str).to_list() for name in ("node", "task"))
    begin_s, end_s = (column(attempts, name, name).to_numpy(dtype=np.float64) for name in ("begin_s", "end_s"))
    values = [""] * len(nodes) if by is None else column(attempts, by, by).astype(str).to_list()
    states = attempts["state"].astype(str).to_list() if "state" in attempts else [""] * len(nodes)
    rows, middles = _rows(nodes, begin_s, end_s)
    colours = {value: COLOURS[place % len(COLOURS)] for place, value in enumerate(dict.fromkeys(values))}
    drawn, (axes,) = figure(title, "time (s)", "")
    for place, row in enumerate(rows):
        axes.barh(
            row, end_s[place] - begin_s[place], left=begin_s[place], height=0.8, facecolor=colours[values[place]],
            edgecolor="white", linewidth=0.5, hatch=HATCHES.get(states[place]),
        )  # fmt: skip
        if len(rows) <= 5 * NAMED_MOST:
            middle_s = float(begin_s[place] + end_s[place]) / 2
            axes.text(
                middle_s, row, shortened(tasks[place], 14), ha="center", va="center", fontsize=7, color="white",
                parse_math=False, clip_on=True,
            )  # fmt: skip
    axes.set_yticks(list(middles.values()), list(middles), parse_math=False)
    axes.set_ylim(max(rows) + 0.6, -0.6)
    axes.set_xlim(left=0.0)
    axes.grid(visible=False, axis="y")
    _legend(axes, by, colours, states, bounds_s or {})
    return drawn


def _rows(nodes: Sequence[str], begin_s: Any, end_s: Any) -> tuple[list[int], dict[str, float]]:
    """The row of each bar, so that none hides another, and the middle of each node's rows."""
    rows, middles, first = [0] * len(nodes), {}, 0
    for node in sorted(dict.fromkeys(nodes), key=_natural):
        places = [place for place, each in enumerate(nodes) if each == node]
        free: list[int] = []
        taken: list[tuple[float, int]] = []
        count = 0
        for place in sorted(places, key=lambda place: (begin_s[place], end_s[place])):
            while taken and taken[0][0] <= begin_s[place]:
                heapq.heappush(free, heapq.heappop(taken)[1])
            if not free:
                heapq.heappush(free, count)
                count += 1
            row = heapq.heappop(free)
            heapq.heappush(taken, (end_s[place], row))
            rows[place] = first + row
        middles[node] = first + (count - 1) / 2
        first += count
    return rows, middles


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Numbers in a name are in their own order: n-2 comes before n-10."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def _legend(
    axes: Axes, by: str | None, colours: Mapping[str, str], states: Sequence[str], bounds_s: Mapping[str, float]
) -> None:
    keys: list[Any] = []
    if by is not None:
        shown = list(colours.items())[:NAMED_MOST]
        keys += [Patch(label=shortened(f"{by} {value}"), facecolor=colour) for value, colour in shown]
        if len(colours) > len(shown):
            keys.append(Patch(label=f"and {len(colours) - len(shown)} more", facecolor="white"))
    for state, hatch in HATCHES.items():
        if state in states:
            keys.append(Patch(label=state, facecolor="0.6", edgecolor="white", hatch=hatch))
    for place, (name, at_s) in enumerate(bounds_s.items()):
        dashes = DASHES[place % len(DASHES)]
        axes.axvline(at_s, color="0.2", linewidth=1.3, linestyle=dashes)
        keys.append(Line2D([], [], color="0.2", linestyle=dashes, label=shortened(f"{name}: {at_s:.4g} s")))
    if keys:
        made = axes.legend(handles=keys, fontsize=10, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        for text in made.get_texts():
            text.set_parse_math(False)
