"""Figures of a study by the name of their kind, as a command or a file names them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from simcluster.engine import hint
from simcluster.report.plots.cdf_plots import cdf
from simcluster.report.plots.heat_map_plots import heat_map
from simcluster.report.plots.line_plots import lines
from simcluster.report.plots.pareto_plots import pareto

KINDS: dict[str, Callable[..., Figure]] = {"lines": lines, "cdf": cdf, "heat_map": heat_map, "pareto": pareto}


def plot(frame: pd.DataFrame, kind: str = "lines", **options: Any) -> Figure:
    """The figure of a ``kind``, "lines", "cdf", "heat_map" or "pareto", of a table with one row a run.

    ``options`` are those of the function of that name. Raises ``ValueError`` for another kind, for options that it does
    not have or lacks, and as the function itself.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}{hint(kind, KINDS)}")
    known = {name: each for name, each in inspect.signature(KINDS[kind]).parameters.items() if name != "frame"}
    for name in options:
        if name not in known:
            raise ValueError(f"{kind} must be given {', '.join(known)}, got {name!r}{hint(name, known)}")
    missing = [name for name, each in known.items() if each.default is each.empty and name not in options]
    if missing:
        raise ValueError(f"{kind} must be given {', '.join(missing)}, got {', '.join(options) or 'nothing'}")
    return KINDS[kind](frame, **options)
