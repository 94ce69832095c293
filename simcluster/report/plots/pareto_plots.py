"""Pareto fronts of a study: cells that no other beats on two metrics at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simcluster.engine import hint
from simcluster.measurement import interval_for
from simcluster.report.columns import cells, check_runs, label_of, names, numbers, shortened, title_of
from simcluster.report.files import seeds_in_words
from simcluster.report.plots.bands import COLOURS, MARKERS, Label
from simcluster.report.plots.line_plots import near, small_legend
from simcluster.report.plots.plots import figure

NAMED = 16  # cells that the legend names each; of more, those of the front
MARGIN = 0.08  # around points and intervals, of the spread of the means

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]


def pareto(
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str | Sequence[str],
    *,
    maximise: Sequence[str] = (),
    title: str | None = None,
) -> Figure:
    """The mean of two metrics in each cell of the columns ``by``, with 95 % intervals, and the front of the best.

    ``frame`` has one row a run. Lower is better on both, unless a metric is among ``maximise``. A cell is on the front
    when no other is at least as good on both and better on one, by the means; those on it are filled, the others open.
    A run of which either metric is NaN or infinite has no place, and the legend has the number of those that do. The
    line bounds what some cell beats. An interval that is far longer than the means lie apart leaves the panel.

    Raises ``ValueError`` for columns that are not there or hold no numbers, and for several runs of one seed in a cell.
    """
    measured, groups = np.stack((numbers(frame, "x", x), numbers(frame, "y", y))), names("by", by)
    best_high = names("maximise", maximise)
    for name in best_high:
        if name not in (x, y):
            raise ValueError(f"maximise must be among {x!r} and {y!r}, got {name!r}{hint(name, [x, y])}")
    each = cells(frame, "by", groups)
    check_runs(frame, groups)
    there: Truths = np.all(np.isfinite(measured), axis=0)
    found = _intervals(measured, there, [cell.rows for cell in each])
    sign = np.array([[-1.0 if name in best_high else 1.0] for name in (x, y)])
    best = front(sign * found[:, 0])

    better = ", ".join(
        f"{shortened(label_of(name), 30)}: {'higher' if name in best_high else 'lower'} is better" for name in (x, y)
    )
    subtitle = f"Means and 95 % intervals of {seeds_in_words(frame['seed'])}; {better}"
    drawn, (axes,) = figure(title_of(title, y, x, between=" against "), label_of(x), label_of(y), subtitle=subtitle)
    few, others = len(each) <= NAMED, 0
    for place, cell in enumerate(each):
        counted, of = int(np.sum(there[cell.rows])), len(cell.rows)
        said = cell.label if counted == of else f"{cell.label} ({counted}/{of} runs)"
        told = few or best[place] or not counted
        if told:
            _point(axes, found[:, :, place], place, Label(said), bool(best[place]))
        else:
            others += 1
            label = Label("others") if others == 1 else "_nolegend_"
            _point(axes, found[:, :, place], 0, label, False, colour="0.6")
    _steps(axes, found[:, 0, best], sign, x, y)
    for axis, low, high in zip("xy", *_limits(found), strict=True):
        axes.set(**{f"{axis}lim": (low, high)})
    small_legend(axes, groups)
    return drawn


def front(costs: Floats) -> Truths:
    """Which points (2, points) no other dominates, lower being better; NaN is never on the front."""
    known: Truths = np.all(np.isfinite(costs), axis=0)
    best = known.copy()
    for place in np.flatnonzero(known):
        others, own = costs[:, known], costs[:, [place]]
        best[place] = not np.any((others <= own).all(axis=0) & (others < own).any(axis=0))
    return best


def _intervals(measured: Floats, there: Truths, rows: Sequence[NDArray[np.intp]]) -> Floats:
    """Of both metrics estimate, low and high of each cell (2, 3, cells); NaN where no run has a value."""
    found = np.full((2, 3, len(rows)), np.nan)
    for metric, values in enumerate(measured):
        interval = interval_for(values[there])
        for place, own in enumerate(rows):
            kept = values[own][there[own]]
            if kept.size:
                each = interval(kept)
                found[metric, :, place] = each.estimate, each.low, each.high
    return found


def _point(axes: Axes, found: Floats, place: int, label: str, best: bool, colour: str = "") -> None:
    """A cell: its means, and bars as long as its intervals; one run alone has none."""
    colour = colour or COLOURS[place % len(COLOURS)]
    look: dict[str, Any] = {"color": colour, "alpha": 1.0 if best else 0.6, "zorder": 3 if best else 2}
    (x, x_low, x_high), (y, y_low, y_high) = found
    bars = {"linewidth": 1.4, "label": "_nolegend_", **look}
    if np.isfinite([x_low, x_high]).all():
        axes.plot([x_low, x_high], [y, y], **bars)
    if np.isfinite([y_low, y_high]).all():
        axes.plot([x, x], [y_low, y_high], **bars)
    axes.plot(
        [x], [y], linestyle="none", marker=MARKERS[place % len(MARKERS)], markersize=10.0 if best else 8.0,
        markerfacecolor=colour if best else "white", markeredgecolor=colour, label=label, zorder=4,
    )  # fmt: skip


def _steps(axes: Axes, points: Floats, sign: Floats, x: str, y: str) -> None:
    """The bound of what the points (2, points) of the front beat, which runs out of the panel on both sides."""
    if not points.size:
        return
    costs = np.unique(sign * points, axis=1)
    far = 1e3 * (np.ptp(costs, axis=1) + np.abs(costs).max(axis=1) + 1.0)
    bound = np.concatenate(
        ([[costs[0, 0]], [costs[1, 0] + far[1]]], costs, [[costs[0, -1] + far[0]], [costs[1, -1]]]), axis=1
    )
    # From one point along x to the next, then down to it.
    axes.plot(
        *(sign * bound), color="0.5", linewidth=1.2, drawstyle="steps-post", zorder=1, scalex=False, scaley=False,
        label=Label("front"),
    )  # fmt: skip


def _limits(found: Floats) -> tuple[Floats, Floats]:
    """Where the panel begins and ends on each axis (2,): around the means and what is near of their intervals."""
    ends: list[tuple[float, float]] = []
    for means, lows, highs in found:
        kept = means[np.isfinite(means)]
        if not kept.size:
            ends.append((0.0, 1.0))
            continue
        known = np.isfinite(lows) & np.isfinite(highs)
        margin = MARGIN * (float(np.ptp(kept)) or abs(float(kept[0])) or 1.0)
        low, high = np.min(lows[known], initial=kept.min()), np.max(highs[known], initial=kept.max())
        ends.append(near(kept, float(low) - margin, float(high) + margin))
    return np.array([end[0] for end in ends]), np.array([end[1] for end in ends])
