"""Tables of words as pictures, for findings that are no numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

DOTS_PER_INCH = 150
INCHES_PER_LETTER, INCHES_PER_LINE = 0.068, 0.152
GAP = 0.5  # between rows, in lines
TINT = "#FBE3D0"


def table_of_words(title: str, widths: dict[str, int], rows: Sequence[Sequence[str]]) -> Figure:
    """A table as a picture: a column for each key of ``widths``, so many letters wide, its first row the baseline.

    The first column names the rows. A cell that differs from the baseline's stands on colour, one that does not is
    grey. Cells are wrapped; "; " begins a new line. Raises ``ValueError`` for a row of another length.
    """
    for row in rows:
        if len(row) != len(widths):
            raise ValueError(f"a row must have {len(widths)} cells, got {list(row)}")
    cells = [[_wrap(cell, width) for cell, width in zip(row, widths.values(), strict=True)] for row in rows]
    lines = [1, *(max(len(cell) for cell in row) for row in cells)]
    down, across = sum(lines) + GAP * len(lines), sum(widths.values())
    drawn = Figure((INCHES_PER_LETTER * across, INCHES_PER_LINE * down + 0.6), DOTS_PER_INCH, layout="constrained")
    drawn.suptitle(title, fontsize=15, fontweight="bold", x=0.006, ha="left")
    axes = drawn.add_subplot()
    axes.set(xlim=(0, across), ylim=(down, 0))
    axes.set_axis_off()
    top = 0.0
    for place, texts in enumerate([[[heading] for heading in widths], *cells]):
        bottom, left = top + lines[place] + GAP, 0
        for column, (cell, width) in enumerate(zip(texts, widths.values(), strict=True)):
            told = place > 1 and column > 0
            differs = told and cell != cells[0][column]
            if differs:
                axes.fill_between([left, left + width], top, bottom, color=TINT, linewidth=0)
            weight = "bold" if place == 0 or column == 0 else "normal"
            colour = "0.6" if told and not differs else "0.1"
            axes.text(
                left + 0.6, top + GAP / 2, "\n".join(cell), fontsize=7.5, va="top", fontweight=weight, color=colour
            )
            left += width
        top = bottom
        axes.axhline(top, color="0.8", linewidth=0.6)
    return drawn


def _wrap(cell: str, width: int) -> list[str]:
    return [line for part in cell.split("; ") for line in textwrap.wrap(part, width - 1, subsequent_indent="  ")]
