"""Why a history is not linearizable, as a picture: operations as bars over time, and the order that ends among them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simcluster.report.plots.bands import COLOURS
from simcluster.report.plots.plots import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simcluster.measurement.checkers import PartialOrder
    from simcluster.measurement.histories import History, Operation

_SHOWN = 24  # operations of the order: those that led to where it ends
_PLACED, _STUCK, _OPEN = COLOURS[0], COLOURS[1], "0.6"


def partial_order(partial: PartialOrder, history: History, *, title: str | None = None) -> Figure:
    """The end of the longest order of a history that is not linearizable, and what cannot follow it.

    Each row is a process, each bar an operation from its invocation to its completion; numbers say its place in the
    order. What must come next and cannot is marked, and so is what is open beside it; faults lie behind, in grey.
    """
    heading = "No order explains what is marked" if title is None else title
    drawn, (axes,) = figure(heading, "time (s)", "process", panels=())
    last = list(enumerate(partial.order, 1))[-_SHOWN:]
    bars = [(operation, str(place), _PLACED) for place, operation in last]
    bars += [(operation, "", _STUCK if operation == partial.stuck else _OPEN) for operation in partial.open]
    begin_s = min(operation.invoke_s for operation, _, _ in bars)
    ends = [operation.complete_s for operation, _, _ in bars if operation.complete_s < math.inf]
    end_s = max([*ends, *(operation.invoke_s for operation, _, _ in bars)])
    margin_s = (end_s - begin_s or 1.0) * 0.03
    for window in history.faults:
        if window.begin_s <= end_s and window.end_s >= begin_s:
            left_s = max(window.begin_s, begin_s)
            axes.axvspan(left_s, min(window.end_s, end_s), color="0.9", zorder=0)
            axes.annotate(window.name, (left_s, 1.0), xycoords=("data", "axes fraction"), fontsize=9, parse_math=False)
    rows: dict[Any, int] = {}
    for operation, _, _ in sorted(bars, key=lambda bar: bar[0].invoke_s):
        rows.setdefault(operation.process, len(rows))
    for operation, place, colour in bars:
        until_s = min(operation.complete_s, end_s + margin_s)
        row = rows[operation.process]
        length_s = max(until_s - operation.invoke_s, margin_s / 9)
        axes.barh(row, length_s, left=operation.invoke_s, height=0.4, color=colour)
        axes.annotate(
            _label(operation, place), (operation.invoke_s, row - 0.22), textcoords="offset points", xytext=(1, 2),
            fontsize=8, parse_math=False,
        )  # fmt: skip
    axes.set_yticks(list(rows.values()), [str(process) for process in rows], parse_math=False)
    axes.set_xlim(begin_s - margin_s, end_s + margin_s)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    return drawn


def _label(operation: Operation, place: str) -> str:
    value = "" if operation.value is None else f" {operation.value!r:.16}"
    came = "" if operation.result is None else f" → {operation.result!r:.16}"
    return f"{place}{'. ' if place else ''}{operation.f}{value}{came}"
