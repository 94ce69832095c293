"""Means of a study's metrics over the seeds of each cell, as a table of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from simcluster.cli.tables import plain_table
from simcluster.command_line import say, shown
from simcluster.measurement import Interval
from simcluster.measurement.statistics import interval_for

MOST = 12  # names of metrics that there is no room for
WIDEST = 24  # letters of a label in a line


@dataclass(frozen=True)
class Cell:
    """The values of a label, how many seeds it has, and of each metric its mean, or why it has none."""

    label: dict[str, Any]
    seeds: int
    means: dict[str, Interval | str]

    def json(self) -> dict[str, Any]:
        """What JSON says of it."""
        told = {
            name: {"mean": mean.estimate, "low": mean.low, "high": mean.high}
            if isinstance(mean, Interval)
            else {"mean": None, "why": mean}
            for name, mean in self.means.items()
        }
        return {"label": self.label, "seeds": self.seeds, "metrics": told}


def means(frame: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> list[Cell]:
    """The cells in the order in which they come. Of several rows of a run their mean counts."""
    if frame.empty:
        return []
    numbers = frame[[*metrics]].astype(float)
    whole = [numbers[name].to_numpy() for name in metrics]
    intervals = {
        name: interval_for(values[np.isfinite(values)]) for name, values in zip(metrics, whole, strict=True)
        if np.isfinite(values).any()
    }  # fmt: skip
    cells = []
    for label, rows in _groups(frame, by):
        of_runs = numbers.loc[rows.index].groupby(rows["seed"].to_numpy(), sort=True).mean()
        told = {name: _mean(of_runs[name].to_numpy(), intervals.get(name)) for name in metrics}
        cells.append(Cell(label, len(of_runs), told))
    return cells


def _groups(frame: pd.DataFrame, by: Sequence[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    if not by:
        return [({}, frame)]
    groups = frame.groupby([*by], sort=False, dropna=False)
    return [(dict(zip(by, key, strict=True)), rows) for key, rows in groups]


def _mean(values: Any, interval: Any) -> Interval | str:
    """The mean with its interval, where all values are numbers."""
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bool(np.isnan(values).all()):
        return "none"
    if bad or interval is None:
        return f"not finite in {bad} of {len(values)}"
    found: Interval = interval(values)
    return found


def means_table(cells: Sequence[Cell], by: Sequence[str], metrics: Sequence[str]) -> None:
    """Print the cells: one downwards, a metric a line; several below each other, with as many metrics as there is room.

    If ``metrics`` are named there are as many tables as they need.
    """
    console = Console(highlight=False)
    every = list(cells[0].means)
    if len(cells) == 1:
        label = ", ".join(f"{name}={value}" for name, value in cells[0].label.items())
        heads = [label or "metric", f"mean of {cells[0].seeds} seeds [95 %]"]
        console.print(plain_table(heads, [[name, str(mean)] for name, mean in cells[0].means.items()]))
        return
    labels = [[_word(cell.label[name]) for name in by] for cell in cells]
    columns = {name: [str(cell.means[name]) for cell in cells] for name in every}
    pages = _pages(console.width, by, labels, columns)
    for number, page in enumerate(pages if metrics else pages[:1]):
        if number:
            console.print()
        rows = [
            [*label, str(cell.seeds), *(columns[name][place] for name in page)]
            for place, (label, cell) in enumerate(zip(labels, cells, strict=True))
        ]
        console.print(plain_table([*by, "seeds", *page], rows, numbers=1 + len(page), widest=WIDEST))
    left = [] if metrics else [name for page in pages[1:] for name in page]
    if left:
        more = f" and {len(left) - MOST} more" if len(left) > MOST else ""
        say(f"Means with 95 % intervals. --metric also: {', '.join(map(str, map(shown, left[:MOST])))}{more}")


def _pages(
    width: int, by: Sequence[str], labels: Sequence[Sequence[str]], columns: dict[str, list[str]]
) -> list[list[str]]:
    """The metrics in tables, each of as many as there is room for beside the labels, and at least one."""
    taken = len("seeds")
    for place, name in enumerate(by):
        taken += 2 + min(WIDEST, max(len(name), *(len(label[place]) for label in labels)))
    pages: list[list[str]] = []
    room = 0
    for name, cells in columns.items():
        needed = 2 + max(len(name), *map(len, cells))
        if needed > room:
            pages.append([])
            room = width - taken
        pages[-1].append(name)
        room -= needed
    return pages


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
