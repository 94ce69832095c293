"""How data lies on nodes: the rows of each shard, of which classes they are, and which are copies; or its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simcluster.report.columns import column
from simcluster.report.plots.bands import COLOURS
from simcluster.report.plots.plots import figure

COPIES: dict[str, Any] = {"facecolor": "0.85", "edgecolor": "white", "linewidth": 0.5}
HATCHES = ("", "///", "...", "xxx")  # for classes beyond the colours


def skew(summaries: pd.DataFrame | Sequence[tuple[str, pd.DataFrame]], *, title: str | None = None) -> Figure:
    """The rows of each shard as a bar, stacked by class, so that both skews are seen: of sizes and of classes.

    What is given is the frame that ``simcluster.learning.shard_summary`` makes, or several by name, which are panels
    side by side. A bar of targets that are no labels is of one piece; copies of others' rows stand on top, in grey. Of
    the frame of ``column_summary`` bars are columns, and above each stands its share of the spread. Raises
    ``ValueError`` for a frame without the columns ``shard`` and ``rows`` or ``columns``, and for none.
    """
    named = [("", summaries)] if isinstance(summaries, pd.DataFrame) else list(summaries)
    if not named:
        raise ValueError("there must be at least one summary of shards, got none")
    counted = ["columns" if "columns" in frame.columns else "rows" for _, frame in named]
    by_class, by_spread = "Rows of each shard by class", "Columns of each shard, and their share of the spread"
    heading = by_class if "rows" in counted else by_spread
    across = counted if len(set(counted)) > 1 else counted[0]
    named_panels = [name for name, _ in named] if len(named) > 1 else ()
    drawn, panels = figure(heading if title is None else title, "shard", across, panels=named_panels)
    classes: list[str] = []
    for axes, (_, frame), what in zip(panels, named, counted, strict=True):
        shards, rows = column(frame, "shard", "shard"), column(frame, what, what).to_numpy(dtype=np.float64)
        held = [name for name in frame.columns if str(name).startswith("class_")]
        foot = np.zeros(len(rows))
        for place, name in enumerate(held):
            height = rows * frame[name].to_numpy(dtype=np.float64)
            axes.bar(np.arange(len(rows)), height, bottom=foot, **_look(place))
            foot = foot + height
        if not held:
            foot = rows
            axes.bar(np.arange(len(rows)), rows, **_look(0))
        if "copies" in frame.columns:
            axes.bar(np.arange(len(rows)), frame["copies"], bottom=foot, **COPIES)
        if what == "columns":
            for place, share in enumerate(frame["spread"]):
                axes.annotate(f"{share:.0%}", (place, rows[place]), ha="center", va="bottom", fontsize=11)
        axes.set_xticks(np.arange(len(rows)), [str(each) for each in shards], parse_math=False)
        axes.tick_params(axis="x", labelrotation=0 if len(rows) <= 12 else 90)
        axes.grid(visible=False, axis="x")
        classes = max(classes, [str(name).removeprefix("class_") for name in held], key=len)
    patches = [Patch(label=name, **_look(place)) for place, name in enumerate(classes)]
    if any("copies" in frame.columns for _, frame in named):
        patches.append(Patch(label="copies", **COPIES))
    if patches:
        panels[-1].legend(
            handles=patches, title="class" if classes else None, fontsize=11, title_fontsize=11, loc="center left",
            bbox_to_anchor=(1.0, 0.5), frameon=False, ncols=-(-len(patches) // 20),
        )  # fmt: skip
    return drawn


def _look(place: int) -> dict[str, Any]:
    """The colour of a class, and the hatching that tells it from an earlier one of the same colour."""
    hatch = HATCHES[place // len(COLOURS) % len(HATCHES)]
    return {"facecolor": COLOURS[place % len(COLOURS)], "hatch": hatch, "edgecolor": "white", "linewidth": 0.5}
