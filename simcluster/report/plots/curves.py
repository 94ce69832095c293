"""Curves of an experiment: a line with its interval for each strategy, in one panel or in several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from simcluster.measurement import on_grid
from simcluster.report.files import seeds_in_words
from simcluster.report.plots.bands import band, wide
from simcluster.report.plots.line_plots import named_ticks
from simcluster.report.plots.plots import figure


@dataclass(frozen=True)
class Panel:
    """What one panel shows: the column ``y`` over the column ``x``, under these labels with their units.

    A run has one row for each value of ``x``, numbers or words, and all runs have the same; or it is a curve, whose
    value that holds is taken at the points ``at``. Of the table it shows the rows ``where`` other columns have these
    values. What is drawn is ``y`` divided by ``unit``.
    """

    x: str
    y: str
    x_label: str
    y_label: str
    title: str = ""
    at: ArrayLike | None = None
    unit: float = 1.0
    where: Mapping[str, Any] = field(default_factory=dict)


def curves(
    table: pd.DataFrame, by: str, panels: Sequence[Panel], title: str, about: str, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure and its panels, with a band over the seeds for each value of the column ``by``, in their order.

    Below the title stands what it is ``about`` and how many seeds there are. ``options`` are those of ``band``. The
    caller adds scales, limits, other lines, and the legend last.
    """
    labels = [panel.y_label for panel in panels]
    drawn, axes = figure(
        title,
        [panel.x_label for panel in panels],
        labels[0] if len(set(labels)) == 1 else labels,
        subtitle=f"{about}; 95 % intervals, {seeds_in_words(table['seed'])}",
        panels=[panel.title for panel in panels] if len(panels) > 1 else (),
    )
    for each, panel in zip(axes, panels, strict=True):
        shown = table
        for column, value in panel.where.items():
            shown = shown[shown[column] == value]
        words = [] if pd.api.types.is_numeric_dtype(shown[panel.x]) else list(shown[panel.x].unique())
        for place, strategy in enumerate(shown[by].unique()):
            rows = shown[shown[by] == strategy]
            if panel.at is None:
                samples = wide(rows, panel.x, panel.y) / panel.unit
                samples = samples.reindex(columns=words) if words else samples
                at = np.arange(len(words)) if words else samples.columns
                band(each, at, samples, str(strategy), place, **{"markers": True, **options})
            else:
                runs = [run for _, run in rows.groupby("seed")]
                held = [on_grid(run[panel.x], run[panel.y], panel.at) / panel.unit for run in runs]
                band(each, panel.at, held, str(strategy), place, **options)
        if words:
            named_ticks(each, "x", [str(word) for word in words])
    return drawn, axes
