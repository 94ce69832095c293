"""Distributions of a study: which share of the runs stayed below a value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster.report.columns import cells, column, label_of, names, numbers
from simcluster.report.files import seeds_in_words
from simcluster.report.plots.bands import COLOURS, DASHES, MARKER_POINTS, MARKERS, WIDTH_POINTS, Label, twin_of
from simcluster.report.plots.line_plots import check_positive, log_axis, small_legend
from simcluster.report.plots.plots import figure

MARKED = 25  # steps that have markers


def cdf(
    frame: pd.DataFrame,
    y: str,
    by: str | Sequence[str] | None = None,
    *,
    title: str | None = None,
    log_y: bool = False,
) -> Figure:
    """The empirical distribution of ``y``, F(v) = share of runs with y ≤ v, one for each value of the columns ``by``.

    ``frame`` has one row a run. A run whose ``y`` is NaN or infinite never reached a value: it counts among the runs,
    so that its distribution ends below 1, and the legend has the number of those that did ("7/10 runs"). ``log_y``
    makes the axis of ``y``, which runs across, logarithmic.

    Raises ``ValueError`` for columns that are not there or hold no numbers, and as ``lines`` for a logarithmic axis.
    """
    measured, groups = numbers(frame, "y", y), names("by", by)
    each = cells(frame, "by", groups)
    column(frame, "frame", "seed")
    there = measured[np.isfinite(measured)]
    subtitle = f"Share of the runs of {seeds_in_words(frame['seed'])}"
    heading = f"Distribution of {label_of(y).partition(' (')[0]}" if title is None else title
    drawn, (axes,) = figure(heading, label_of(y), "share of runs at or below (1)", subtitle=subtitle)
    if log_y:
        check_positive("log_y", y, there)
        log_axis(axes.xaxis)
    low, high = (float(there.min()), float(there.max())) if there.size else (1.0, 2.0)
    if log_y:
        ends = (low / 1.05, high * 1.05)
    else:
        margin = 0.05 * (high - low or abs(high)) or 1.0
        margin = margin if low - margin < high + margin else 1.0
        ends = (low - margin, high + margin)
    labels: list[str] = []
    for place, cell in enumerate(each):
        own = measured[cell.rows]
        steps = np.sort(own[np.isfinite(own)])
        at = np.concatenate(([ends[0]], steps, [ends[1]]))
        share = np.concatenate(([0.0], np.arange(1, len(steps) + 1), [len(steps)])) / len(own)
        said = cell.label if len(steps) == len(own) else f"{cell.label} ({len(steps)}/{len(own)} runs)"
        twin = twin_of(axes, at, share) if steps.size else None
        if twin is not None:
            said += f" (equal to {labels[list(axes.lines).index(twin)]})"
        labels.append(cell.label)
        axes.plot(
            at, share, drawstyle="steps-post", color=COLOURS[place % len(COLOURS)], linewidth=WIDTH_POINTS,
            linestyle=DASHES[place % len(DASHES)], markersize=MARKER_POINTS,
            marker=MARKERS[place % len(MARKERS)] if len(steps) <= MARKED else None,
            markevery=slice(1, len(steps) + 1),
            label=Label(said),
        )  # fmt: skip
    axes.set(xlim=ends, ylim=(0, 1.04))
    if groups or there.size < len(measured):
        small_legend(axes, groups)
    return drawn
