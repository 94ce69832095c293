"""Figures that can stand on a slide: units on the axes, intervals over seeds, colours that everyone can tell apart.

They are drawn on matplotlib's Agg canvas without pyplot, so nothing global changes and no window opens.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

import simcluster
from simcluster.measurement import Interval, mean_interval

#: The palette of Okabe and Ito (2008), which colour-blind readers can tell apart; yellow is left out (too pale).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

SIZE_INCHES = (10.0, 5.625)  # 16:9, as a slide is
DOTS_PER_INCH = 150


def figure(
    title: str, x: str | Sequence[str], y: str | Sequence[str], *, subtitle: str = "", panels: Sequence[str] = ()
) -> tuple[Figure, list[Axes]]:
    """An empty figure of one panel, or of one for each name in ``panels``, side by side.

    ``x`` and ``y`` are the labels of the axes, units included: one for all panels, or one for each.
    """
    count = max(1, len(panels))
    across, along = _each("x", x, count), _each("y", y, count)
    made = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    axes = [made.add_subplot(1, count, place + 1) for place in range(count)]
    for place, axis in enumerate(axes):
        axis.set_xlabel(across[place], fontsize=13)
        if place == 0 or not isinstance(y, str):
            axis.set_ylabel(along[place], fontsize=13)
        if panels:
            axis.set_title(panels[place], fontsize=13, loc="left")
        axis.tick_params(labelsize=11)
        axis.grid(visible=True, color="0.9", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    made.suptitle(title + ("\n" if subtitle else ""), fontsize=16, fontweight="bold", x=0.012, ha="left")
    if subtitle:
        made.text(0.012, 0.93, subtitle, fontsize=11, color="0.3", ha="left", va="top")
    return made, axes


def _each(axis: str, labels: str | Sequence[str], count: int) -> list[str]:
    each = [labels] * count if isinstance(labels, str) else list(labels)
    if len(each) != count:
        raise ValueError(f"{axis} must be one label or one for each of {count} panels, got {each}")
    return each


def plain_log(axis: Axis, ticks: Sequence[float]) -> None:
    """Make ``axis`` logarithmic, with plain numbers at ``ticks`` and nowhere else."""
    axes = axis.axes
    (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def band(
    axes: Axes,
    x: ArrayLike,
    samples: ArrayLike,
    label: str,
    place: int,
    *,
    markers: bool = False,
    interval: Callable[[ArrayLike], Interval] = mean_interval,
) -> None:
    """A line with its 95 % interval over the rows of ``samples`` (seeds, points), at ``x`` (points,).

    ``interval`` gives the two, the mean's unless told otherwise. ``place`` chooses the colour and the marker.
    Points that any seed lacks (NaN) are left out.
    """
    table = np.asarray(samples, dtype=np.float64)
    at = np.asarray(x, dtype=np.float64)
    kept = np.isfinite(table).all(axis=0)
    at, table = at[kept], table[:, kept]
    found = [interval(table[:, point]) for point in range(at.size)]
    colour = COLOURS[place % len(COLOURS)]
    marker = MARKERS[place % len(MARKERS)] if markers else None
    line = [each.estimate for each in found]
    axes.plot(at, line, color=colour, marker=marker, markersize=7, linewidth=2.2, label=label)
    if table.shape[0] > 1:
        low, high = [each.low for each in found], [each.high for each in found]
        axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)


def wide(table: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """The column ``y`` with one row per seed and one column per value of ``x``."""
    return table.pivot(index="seed", columns=x, values=y)


def legend(axes: Axes, title: str | None = None, *, location: Any = "best") -> None:
    """The legend, without a frame, at one of matplotlib's ``loc``."""
    axes.legend(title=title, fontsize=12, title_fontsize=12, frameon=False, loc=location)


def seeds_in_words(seeds: Iterable[int]) -> str:
    """Seeds in few words, whatever their order and however often: "seeds 0–9", or each of them."""
    numbers = sorted(set(map(int, seeds)))
    if len(numbers) == 1:
        return f"seed {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"seeds {numbers[0]}–{numbers[-1]}"
    return "seeds " + ", ".join(map(str, numbers))


def check_folder(out: Path | str) -> Path:
    """Make the folder ``out`` and make sure that files can be written there; call this before running anything.

    Raises ``ValueError`` naming the folder and the reason.
    """
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(
            f"out: must be a folder that can be written, got {str(out)!r} ({reason})"
        ) from error
    return folder


def save(drawn: Figure | None, table: pd.DataFrame, out: Path | str, name: str) -> Path:
    """Write ``name``.png and its numbers beside it as ``name``.csv; returns the path of the picture.

    The table must have a column ``seed``; the picture carries the seeds and the version in its metadata.
    Without a figure only the table is written.
    """
    if "seed" not in table.columns:
        raise ValueError(f"the table of a figure must have a column 'seed', got {list(table.columns)}")
    folder = check_folder(out)
    table.to_csv(folder / f"{name}.csv", index=False)
    picture = folder / f"{name}.png"
    if drawn is not None:
        seeds = seeds_in_words(table["seed"])
        drawn.savefig(
            picture,
            metadata={
                "Software": f"simcluster {simcluster.__version__}",
                "Description": f"{name}: {seeds}",
            },
        )
    return picture
