"""Lines with their intervals over seeds, which say where runs are missing and which lines are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform
from numpy.typing import ArrayLike, NDArray

from simcluster.engine import printable
from simcluster.measurement import Interval, interval_for

#: The palette of Okabe and Ito (2008), which colour-blind readers can tell apart; yellow is left out (too pale).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
#: Their numbers have no common divisor, so that many lines pass before two look alike.
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (2.5, 1.5)))

UNNAMED = ("_child", "_nolegend_")  # how matplotlib labels what has no label


class Label(str):
    """A label that is text whatever it begins with, where matplotlib would take "_child" for none; control-free."""

    __slots__ = ()

    def __new__(cls, text: object) -> Label:
        """The text as it can be shown."""
        return super().__new__(cls, printable(text, lines=True))

    def __str__(self) -> str:  # which matplotlib keeps
        return self


def has_label(line: Line2D) -> bool:
    """Whether somebody gave the line a label."""
    label = line.get_label()
    return isinstance(label, Label) or not str(label).startswith(UNNAMED)


WIDTH_POINTS, MARKER_POINTS = 2.2, 7.0
ROW_POINTS = 12.0  # between the notes of one strategy and the next
NOTE_POINTS = 9.0

Floats = NDArray[np.float64]


def band(
    axes: Axes,
    x: ArrayLike,
    samples: ArrayLike,
    label: str,
    place: int,
    *,
    markers: bool = False,
    interval: Callable[[ArrayLike], Interval] | None = None,
    horizon: float | None = None,
    notes: bool = True,
) -> None:
    """A line with its 95 % interval over the rows of ``samples`` (seeds, points), at ``x`` (points,).

    ``interval`` gives the two, ``interval_for(samples)`` unless told otherwise. ``place`` chooses colour, dashes and
    marker. A line equal to an earlier one says so in its label, and that one is drawn wider, so that both are seen.

    NaN is a run that has no value at a point, whose marker is then open. Without a ``horizon`` the point is that of the
    other runs, and their number stands at the foot ("5/8 runs"). With one, NaN is a run that was not finished by
    then: it counts as ``horizon``, which is right for a median that lies below and the least that a mean can be, and
    an open marker at the horizon has the number of such runs beside it ("3/8"). Without ``notes`` no number is given.
    """
    at, table = np.asarray(x, dtype=np.float64), np.asarray(samples, dtype=np.float64)
    there = np.isfinite(table).sum(axis=0)
    counted = table if horizon is None else np.where(np.isfinite(table), table, horizon)
    found = _intervals(counted, interval or interval_for(table))
    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    look: dict[str, Any] = {"color": colour, "linestyle": DASHES[place % len(DASHES)]}
    if table.shape[0] > 1:
        axes.fill_between(at, found[1], found[2], facecolor=to_rgba(colour, 0.15), linewidth=0)
        # Not as the edge of what is filled, which matplotlib dashes as far as it goes, be it out of the panel for ever.
        bounds = [np.column_stack((at, bound)) for bound in found[1:]]
        axes.add_collection(
            LineCollection(bounds, colors=[to_rgba(colour, 0.6)], linestyles=[look["linestyle"]], linewidths=0.8)
        )
    twin = twin_of(axes, at, found[0])
    named = Label(label if twin is None else f"{label} (equal to {twin.get_label()})")
    axes.plot(
        at, found[0], **look, marker=marker if markers else None, markersize=MARKER_POINTS, linewidth=WIDTH_POINTS,
        markevery=np.flatnonzero(there == len(table)).tolist(), label=named,
    )  # fmt: skip
    told = there < len(table)
    if not markers:  # of many points that lack as many runs the first says it
        told &= np.diff(there, prepend=-1) != 0
    for point in np.flatnonzero(told):
        _open(axes, at[point], found[0][point], place, axes.transData)
        if notes:
            _note(axes, at[point], there[point], len(table), horizon, place)


def wide(table: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """The column ``y`` with one row per seed and one column per value of ``x``."""
    return table.pivot(index="seed", columns=x, values=y)


def _intervals(table: Floats, interval: Callable[[ArrayLike], Interval]) -> Floats:
    """Estimate, low and high of each column over what is there (3, points); NaN where nothing is."""
    found = np.full((3, table.shape[1]), np.nan)
    for point, column in enumerate(table.T):
        kept = column[np.isfinite(column)]
        if kept.size:
            each = interval(kept)
            found[:, point] = each.estimate, each.low, each.high
    return found


def twin_of(axes: Axes, at: Floats, line: Floats) -> Line2D | None:
    """The first earlier line that is equal; all that are become wider, so that they are seen beneath."""
    if not np.isfinite(line).any():  # of nothing, nothing is equal
        return None
    drawn = np.column_stack((at, line))
    twins = [
        other for other in axes.lines
        if has_label(other) and np.array_equal(other.get_xydata(), drawn, equal_nan=True)
    ]  # fmt: skip
    for other in twins:
        other.set_linewidth(other.get_linewidth() + WIDTH_POINTS)
        other.set_markersize(other.get_markersize() + MARKER_POINTS / 2)
    return twins[0] if twins else None


def _open(axes: Axes, x: float, y: float, place: int, transform: Transform) -> None:
    """An open marker, of a point that some runs lack."""
    axes.plot(
        [x], [y], transform=transform, clip_on=False, linestyle="none", marker=MARKERS[place % len(MARKERS)],
        markersize=MARKER_POINTS, markerfacecolor="white", markeredgecolor=COLOURS[place % len(COLOURS)], zorder=4,
        label="_nolegend_",
    )  # fmt: skip


def _note(axes: Axes, x: float, there: int, runs: int, horizon: float | None, place: int) -> None:
    """How many runs have a point, or lack it, beside an open marker in a row of its strategy's own."""
    row = ROW_POINTS * (place + 0.8)
    inch = axes.figure.dpi_scale_trans
    if horizon is None:
        where, foot, said = axes.get_xaxis_transform(), 0.0, f"{there}/{runs} runs"
    else:
        where, foot, said = axes.transData, horizon, f"{runs - there}/{runs}"
    raised = where + ScaledTranslation(0, row / 72, inch)
    _open(axes, x, foot, place, raised)
    colour = COLOURS[place % len(COLOURS)]
    axes.annotate(
        said, (x, foot), (6, row), xycoords=where, textcoords="offset points", color=colour, fontsize=NOTE_POINTS,
        va="center", annotation_clip=False, zorder=4, bbox={"color": "white", "alpha": 0.7, "pad": 0.5},
    )  # fmt: skip
