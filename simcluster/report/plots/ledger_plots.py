"""Where the time of nodes has gone: a stacked bar for each strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from simcluster.report.columns import column
from simcluster.report.plots.bands import COLOURS
from simcluster.report.plots.plots import figure

#: What is done and counts first, then what is done in vain, then what is not done.
PIECES = {
    "compute_s": "computing",
    "redundant_s": "computing again",
    "stale_s": "computing, too late",
    "lost_s": "lost, or down",
    "communication_s": "communicating",
    "waiting_s": "waiting",
}


def ledgers(of: Mapping[str, pd.DataFrame | Sequence[pd.DataFrame]], *, title: str = "Where the time went") -> Figure:
    """The node-seconds of each ledger as a bar of stacked pieces, one for each name.

    A ledger is a frame with the columns of ``simcluster.measurement.ledger``; of several under one name, as of runs
    with different seeds, the mean is drawn. Raises ``ValueError`` for no ledger, and for a frame without a column.
    """
    if not of:
        raise ValueError("there must be at least one ledger, got none")
    drawn, (axes,) = figure(title, "node-seconds", "")
    for place, (name, given) in enumerate(of.items()):
        frames = [given] if isinstance(given, pd.DataFrame) else list(given)
        if not frames:
            raise ValueError(f"there must be at least one ledger of {name!r}, got none")
        begin = 0.0
        for colour, piece in enumerate(PIECES):
            width = float(np.mean([column(frame, piece, piece).to_numpy(dtype=np.float64).sum() for frame in frames]))
            axes.barh(place, width, left=begin, facecolor=COLOURS[colour % len(COLOURS)], edgecolor="white")
            begin += width
    axes.set_yticks(np.arange(len(of)), list(of), parse_math=False)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    patches = [
        Patch(label=label, facecolor=COLOURS[colour % len(COLOURS)], edgecolor="white")
        for colour, label in enumerate(PIECES.values())
    ]
    axes.legend(handles=patches, fontsize=11, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return drawn
