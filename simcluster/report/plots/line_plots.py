"""Lines of a study: a metric over a parameter, with 95 % intervals over the seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from numpy.typing import NDArray

from simcluster.report.columns import (
    cells,
    check_runs,
    column,
    distinct,
    label_of,
    levels,
    names,
    numbers,
    shortened,
    title_of,
)
from simcluster.report.files import seeds_in_words
from simcluster.report.plots.bands import band, has_label
from simcluster.report.plots.plots import figure, legend, plain_log

MARKED = 30  # points of a line that have markers
TICKS = 9  # values of a parameter that each have a tick
NAMED_TICKS = 26  # words along an axis
TICK_LETTERS = 26
LETTERS_ACROSS = 75  # that a panel has room for below it
NOTED = 4  # lines whose points have notes of the runs that lack them; of more, the legend tells it
NOTES_ACROSS = 14  # that a panel has room for
ROOM_FOR_NOTE = 0.045  # of the height of a panel
ROOM, DROWNED = 1.0, 2.0  # how far a panel reaches beyond the means, in their spread, when intervals are so much longer
SMALL = 8  # rows of a legend from which its letters are small
SMALLEST_POINTS, LEGEND_HEIGHT = 6.0, 340.0


def lines(
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str | Sequence[str] | None = None,
    *,
    title: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    """The mean of ``y`` over ``x``, a line with its 95 % interval over the seeds for each value of the columns ``by``.

    ``frame`` has one row a run: parameters, ``seed`` and metrics. Text and infinite numbers stand side by side along
    ``x``. A run whose ``y`` is NaN or infinite has none: its point is that of the other runs, open, with their number.

    Raises ``ValueError`` for columns that are not there or hold no numbers, for several runs of one seed in a cell,
    and for a logarithmic axis with values that are not positive.
    """
    column(frame, "x", x)
    measured, groups = numbers(frame, "y", y), names("by", by)
    each = cells(frame, "by", groups)
    check_runs(frame, [x, *groups])
    seeds, _ = levels(frame["seed"])
    at, places = _positions(frame, x)
    drawn, (axes,) = figure(title_of(title, y, x), label_of(x), label_of(y), subtitle="Mean")
    _ticks(axes, frame, x, at, log_x)
    if log_y:
        check_positive("log_y", y, measured)
        log_axis(axes.yaxis)
    notes = len(each) <= NOTED and _apart(np.log(at) if log_x else at)
    noted = 0
    for place, cell in enumerate(each):
        here, levels_here = np.unique(places[cell.rows], return_inverse=True)
        runs, own = np.unique(seeds[cell.rows], return_inverse=True)
        samples = np.full((len(runs), len(here)), np.nan)
        samples[own, levels_here] = measured[cell.rows]
        there = int(np.isfinite(samples).sum())
        noted = place + 1 if there < samples.size else noted
        label = cell.label if notes or there == samples.size else f"{cell.label} ({there}/{samples.size} runs)"
        band(axes, at[here], samples, label, place, markers=len(here) <= MARKED, notes=notes)
    said = f"Mean and 95 % interval of {seeds_in_words(frame['seed'])}"
    if _nearer(axes):
        said += "; longer intervals leave the panel"
    if noted and not notes:
        said += "; some runs lack a value at the open markers"
    if noted and notes:
        _room_below(axes, ROOM_FOR_NOTE * noted)
    drawn.texts[-1].set_text(said)
    if groups or not notes:
        small_legend(axes, groups)
    return drawn


def small_legend(axes: Axes, groups: Sequence[str]) -> None:
    """The legend, in letters as small as its entries need, under the names of the columns that they come from."""
    labels = [str(line.get_label()) for line in axes.lines if has_label(line)]
    rows = len(labels) + "".join(labels).count("\n")
    heading = shortened(", ".join(map(label_of, groups)), 40)
    if rows <= SMALL:
        legend(axes, heading)
        return
    height = 1.25 * rows + 0.5 * len(labels) + 2  # in letters
    columns = math.ceil(SMALLEST_POINTS * height / LEGEND_HEIGHT)
    points = max(SMALLEST_POINTS, min(10.0, LEGEND_HEIGHT / height))
    legend(axes, heading, points=points, columns=columns)
    if (made := axes.get_legend()) is not None:  # few entries of many rows too
        made.set_loc("center left")
        made.set_bbox_to_anchor((1.0, 0.5))


def log_axis(axis: Axis) -> None:
    """Make an axis logarithmic, with plain numbers."""
    axes = axis.axes
    (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    axis.set_major_formatter(LogFormatter(minor_thresholds=(2.0, 0.4)))
    axis.set_minor_formatter(LogFormatter(minor_thresholds=(2.0, 0.4)))
    axis.set_tick_params(which="both", labelsize=11)


def near(means: NDArray[np.float64], low: float, high: float) -> tuple[float, float]:
    """How much of (low, high) a panel shows: where means would drown, ``ROOM`` times their spread on either side."""
    spread = float(np.ptp(means)) or abs(float(means[0])) or 1.0
    nearer = max(low, float(means.min()) - ROOM * spread), min(high, float(means.max()) + ROOM * spread)
    return nearer if high - low > DROWNED * (nearer[1] - nearer[0]) else (low, high)


def _nearer(axes: Axes) -> bool:
    """Bring the lines so near that they can be told apart beside their intervals; whether some interval is cut."""
    means = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines if has_label(line)])
    means = means[np.isfinite(means)]
    low, high = axes.get_ylim()
    if not means.size:
        return False
    shown = near(means, low, high)
    axes.set_ylim(*shown)
    return shown != (low, high)


def _apart(at: NDArray[np.float64]) -> bool:
    """Whether notes at these positions (points,), in order, do not run into each other."""
    return len(at) < 2 or bool(np.min(np.diff(at)) * NOTES_ACROSS >= np.ptp(at))


def _room_below(axes: Axes, share: float) -> None:
    """Lower the foot of a panel by a share of its height."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.array(axes.get_ylim()))
    axes.set_ylim(bottom=float(scale.inverted().transform(np.array([low - share * (high - low)]))[0]))


def check_positive(field: str, name: str, values: NDArray[np.float64]) -> None:
    """Raise ``ValueError`` for a value that a logarithmic axis does not have."""
    if np.any(values <= 0):
        raise ValueError(f"{field}: {name!r} must be above 0 on a logarithmic axis, got {np.nanmin(values):g}")


def _positions(frame: pd.DataFrame, x: str) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Where each level of ``x`` stands on its axis (levels,), and the level of each run (runs,)."""
    places, words = levels(frame[x])
    if _continuous(frame[x]):
        return np.unique(numbers(frame, "x", x)), places
    return np.arange(len(words), dtype=np.float64), places


def _continuous(values: pd.Series[Any]) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    return numeric and bool(np.isfinite(values.astype(float)).all())


def _ticks(axes: Axes, frame: pd.DataFrame, x: str, at: NDArray[np.float64], log_x: bool) -> None:
    if not _continuous(frame[x]):
        if log_x:
            raise ValueError(f"log_x: {x!r} must be finite numbers on a logarithmic axis, got {frame[x].iloc[0]!r}")
        _, words = levels(frame[x])
        named_ticks(axes, "x", words)
        axes.set_xlim(-0.5, len(words) - 0.5)
        return
    if log_x:
        check_positive("log_x", x, at)
    few = len(at) <= TICKS and _apart(np.log(at) if log_x else at)
    if log_x and few:
        plain_log(axes.xaxis, at.tolist())
    elif log_x:
        log_axis(axes.xaxis)
    elif few:
        axes.xaxis.set_ticks(at, [f"{tick:g}" for tick in at])


def named_ticks(axes: Axes, axis: str, words: Sequence[str]) -> None:
    """A tick for each of the ``words``, plain text, short and turned where many would run into each other.

    Of very many every second or third is named.
    """
    shown = [word.replace("\n", " ") for word in distinct([shortened(word, TICK_LETTERS) for word in words])]
    step = math.ceil(len(shown) / NAMED_TICKS)
    letters = len("".join(shown[::step])) + 2 * len(shown[::step])
    look: dict[str, Any] = {}
    if axis == "x" and letters > LETTERS_ACROSS:
        look = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    points = 11.0 if max(map(len, shown)) <= 12 and len(shown[::step]) <= 12 else 8.5
    which = axes.xaxis if axis == "x" else axes.yaxis
    which.set_ticks(range(0, len(shown), step), shown[::step], parse_math=False, fontsize=points, **look)
