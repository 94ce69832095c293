"""Heat maps of a study: the mean of a metric in each cell of two parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from simcluster.report.columns import check_runs, column, label_of, levels, numbers, title_of
from simcluster.report.files import seeds_in_words
from simcluster.report.plots.line_plots import named_ticks
from simcluster.report.plots.plots import figure

COLOUR_MAP = "cividis"  # which colour-blind readers see as others do (Nuñez, Anderton and Renslow, 2018)
DARK = 0.55  # share of the map up to which letters are white
SMALLEST_POINTS = 4.5
LETTERS_ACROSS, LETTERS_DOWN = 900.0, 270.0  # points that a panel has for letters: 6 wide with space, and 3 rows high


def heat_map(frame: pd.DataFrame, x: str, y: str, value: str, *, title: str | None = None) -> Figure:
    """The mean of ``value`` over the seeds in each cell of ``x`` and ``y``, in colour and in numbers.

    ``frame`` has one row a run. A cell some of whose runs have no value (NaN or infinite) has the mean of the others
    and their number ("3/5"); a cell without any is open: hatched, "0/5 runs", or "not run". The numbers are left
    out, and the title says so, where there are too many cells for letters.

    Raises ``ValueError`` for columns that are not there or hold no numbers, and for several runs of one seed in a cell.
    """
    across, words_x = levels(column(frame, "x", x))
    along, words_y = levels(column(frame, "y", y))
    measured = numbers(frame, "value", value)
    check_runs(frame, [x, y])
    shape = (len(words_y), len(words_x))
    there = np.isfinite(measured)
    runs, valued, total = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    np.add.at(runs, (along, across), 1.0)
    np.add.at(valued, (along, across), there)
    scale = float(np.max(np.abs(measured[there]), initial=0.0)) or 1.0  # so that sums of huge numbers stay finite
    np.add.at(total, (along[there], across[there]), measured[there] / scale)
    means = np.full(shape, np.nan)
    np.divide(total, valued, out=means, where=valued > 0)
    means *= scale

    opened, points = int(np.sum(valued == 0)), _points(shape)
    said = [f"Mean of {seeds_in_words(frame['seed'])}"]
    said += [f"{opened} of {means.size} cells without a value (hatched)"] * (opened > 0)
    said += ["k/n: of n runs k have a value"] * bool(np.any((valued > 0) & (valued < runs)))
    said += ["too many cells for numbers"] * (points < SMALLEST_POINTS)
    by = " and ".join(label_of(name).partition(" (")[0] for name in (x, y))
    heading = f"{title_of(None, value)} by {by}" if title is None else title
    drawn, (axes,) = figure(heading, label_of(x), label_of(y), subtitle="; ".join(said))
    axes.grid(visible=False)
    edges_x, edges_y = (np.arange(count + 1) - 0.5 for count in reversed(shape))
    mesh = axes.pcolormesh(
        edges_x, edges_y, np.ma.masked_invalid(means), cmap=COLOUR_MAP, edgecolors="white", linewidth=0.5
    )  # fmt: skip
    if opened < means.size:
        bar = drawn.colorbar(mesh, ax=axes)
        bar.set_label(label_of(value), fontsize=13, parse_math=False)
        bar.ax.tick_params(labelsize=11)
    _cells(axes, means, runs, valued, points)
    for axis, words in (("x", words_x), ("y", words_y)):
        named_ticks(axes, axis, words)
    return drawn


def _points(shape: tuple[int, int]) -> float:
    """The size of letters that fit a cell, two rows of them and about six a row."""
    down, across = shape
    return min(12.0, LETTERS_ACROSS / across / 9, LETTERS_DOWN / down / 3)


def _cells(
    axes: Axes,
    means: NDArray[np.float64],
    runs: NDArray[np.float64],
    valued: NDArray[np.float64],
    points: float,
) -> None:
    """What each cell says of itself, on hatching where it has no value."""
    low, high = (np.nanmin(means), np.nanmax(means)) if np.isfinite(means).any() else (0.0, 1.0)
    for row, place in np.ndindex(means.shape):
        mean, of, count = means[row, place], int(runs[row, place]), int(valued[row, place])
        said, colour = f"{mean:.3g}", "white" if mean - low < DARK * (high - low) else "black"
        if not count:
            corner = (place - 0.5, row - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, facecolor="0.95", edgecolor="0.7", hatch="///", linewidth=0.5))
            said, colour = f"{count}/{of} runs" if of else "not run", "0.2"
        elif count < of:
            said += f"\n{count}/{of}"
        if points >= SMALLEST_POINTS:
            under = None if count else {"color": "0.95", "pad": 1.0}
            axes.text(place, row, said, ha="center", va="center", fontsize=points, color=colour, bbox=under)
