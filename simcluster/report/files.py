"""Figures as files: the formats and widths that slides and papers take, each with its table beside it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

import simcluster
from simcluster.engine import printable
from simcluster.report.atomic import check_folder, check_name, whole_files
from simcluster.report.exports import to_csv
from simcluster.report.plots.plots import legend

FORMATS = ("png", "pdf", "svg")
WIDTHS = ("slide", "column")

PANEL_INCHES = (3.4, 2.4)  # 3.4 is the width of one of two columns on a page
ROW_INCHES = 0.15  # of a line of the legend
COLUMN_SCALE = 0.6  # of letters and lines, so that 11 to 13 points become 7 to 8
LEGEND_POINTS, SMALLEST_POINTS = 7.0, 6.0


def seeds_in_words(seeds: Iterable[int]) -> str:
    """Seeds in few words, whatever their order and however often: "seeds 0–9", or each of them."""
    numbers = sorted(set(map(int, seeds)))
    if len(numbers) == 1:
        return f"seed {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"seeds {numbers[0]}–{numbers[-1]}"
    return "seeds " + ", ".join(map(str, numbers))


def check_formats(formats: Sequence[str], width: str) -> None:
    """Raise ``ValueError`` for a format or a width that a picture cannot be saved in, or for no format."""
    if not formats:
        raise ValueError(f"format: must be at least one of {', '.join(FORMATS)}, got none")
    for field, word, words in (("width", width, WIDTHS), *(("format", ending, FORMATS) for ending in formats)):
        if word not in words:
            raise ValueError(f"{field}: must be one of {', '.join(words)}, got {word!r}")


def save(
    drawn: Figure | None,
    table: pd.DataFrame,
    out: Path | str,
    name: str,
    *,
    formats: Sequence[str] = ("png",),
    width: str = "slide",
) -> Path:
    """Write ``name``.png and its numbers beside it as ``name``.csv; returns the path of the (first) picture.

    ``formats`` may name "pdf" and "svg" too. A ``width`` of "column" is that of a paper: panels stand below each other
    and there is no title, which a caption says. The table must have a column ``seed``; the picture carries the seeds
    and the version in its metadata, and is written as ``write_csv`` says. Without a figure only the table is written.

    All of it is written, or nothing: each file takes the place of an older one, or of a link, when all are complete.
    Raises ``ValueError`` for a ``name`` that is not that of a file, and for a folder that cannot be written or is full.
    """
    if "seed" not in table.columns:
        raise ValueError(f"the table of a figure must have a column 'seed', got {list(table.columns)}")
    check_formats(formats, width)
    check_name(name)
    folder = check_folder(out)
    with whole_files(folder) as aside:
        to_csv(table, aside / f"{name}.csv")
        if drawn is not None:
            if width == "column":
                _narrow(drawn)
            for text in drawn.findobj(Text):
                text.set_text(printable(text.get_text(), lines=True))  # no font has a sign for a control character
            for ending in formats:
                picture = _picture(drawn, ending, f"{name}: {seeds_in_words(table['seed'])}")
                (aside / f"{name}.{ending}").write_bytes(picture)
    return folder / f"{name}.{formats[0]}"


def _picture(drawn: Figure, ending: str, said: str) -> bytes:
    """A picture that repeats to the last byte: nothing in it is drawn by lot or tells the time."""
    version = f"simcluster {simcluster.__version__}"
    metadata: dict[str, dict[str, str | None]] = {
        "png": {"Software": version, "Description": said},
        "pdf": {"Creator": version, "Subject": said, "CreationDate": None},
        "svg": {"Creator": version, "Description": said, "Date": None},
    }
    made = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": said, "pdf.fonttype": 42}):  # 42: letters that can be searched
        drawn.savefig(made, format=ending, metadata=metadata[ending])
    return made.getvalue()


def _narrow(drawn: Figure) -> None:
    """Make a figure as wide as a column of a paper: its panels, and each one's legend, below each other."""
    panels = [axes for axes in drawn.axes if axes.get_label() != "<colorbar>"]  # which follows its panel
    drawn.suptitle("")
    for text in drawn.texts:
        text.set_visible(False)
    for text in drawn.findobj(Text):
        text.set_fontsize(max(SMALLEST_POINTS, COLUMN_SCALE * float(text.get_fontsize())))
    for line in drawn.findobj(Line2D):
        line.set_linewidth(COLUMN_SCALE * line.get_linewidth())
        line.set_markersize(COLUMN_SCALE * line.get_markersize())
    grid, rows = drawn.add_gridspec(len(panels), 1), 0
    for place, axes in enumerate(panels):
        axes.set_subplotspec(grid[place])
        axes.set_ylabel(axes.get_ylabel() or panels[0].get_ylabel(), fontsize=axes.xaxis.label.get_fontsize())
        axes.tick_params(labelsize=LEGEND_POINTS)
        if (old := axes.get_legend()) is not None:
            rows += len(old.get_texts())
            legend(axes, old.get_title().get_text(), points=LEGEND_POINTS, below=True)
    drawn.set_size_inches(PANEL_INCHES[0], PANEL_INCHES[1] * len(panels) + ROW_INCHES * rows)
