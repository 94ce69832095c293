"""Picture: a figure that a notebook shows, with or without pyplot."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

NOTEBOOK_DOTS_PER_INCH = 100  # a slide is then as wide as a cell


class Picture(Figure):
    """A figure that is a picture where it is the last line of a cell."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG, in the size of a notebook's cell."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=NOTEBOOK_DOTS_PER_INCH)
    return file.getvalue()
