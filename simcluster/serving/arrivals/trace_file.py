"""Arrivals at the times that a file has."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from simcluster.engine import Environment, Event, Name, Program, Spec, hint
from simcluster.learning import MissingFile
from simcluster.serving.arrivals.at import at_times


class TraceFile(Spec):
    """Queries come at the times of a CSV file: of its column ``column``, or of its only one, which needs no head.

    Times are seconds from the beginning of the run, at least 0, in any order.
    """

    kind: Literal["trace_file"] = "trace_file"
    path: Path
    """The file."""
    column: Name = "time_s"
    """What the column is called; a file of one column of numbers needs no names."""

    @property
    def most(self) -> int:
        """How many come in all. Raises ``MissingFile``, and ``ValueError`` for what are no times."""
        return len(self.times_s())

    def times_s(self) -> list[float]:
        """What the file says. Raises ``MissingFile``, and ``ValueError`` with the line that is wrong."""
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                rows = [(number, row) for number, row in enumerate(csv.reader(file), 1) if row]
        except FileNotFoundError:
            raise MissingFile(f"path must name a file that there is, got {str(self.path)!r}") from None
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"path must name a CSV file that can be read, got {str(self.path)!r} ({error})") from None
        place = self._place(rows[0][1]) if rows else None
        times_s = [self._seconds(number, row, place or 0) for number, row in (rows if place is None else rows[1:])]
        if not times_s:
            raise ValueError(f"path must name a file with at least one time, got {str(self.path)!r}")
        return times_s

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """One at each time, in their order."""
        yield from at_times(env, ask, self.times_s())

    def _place(self, first: list[str]) -> int | None:
        """Which column it is, ``None`` where the first line is a time already."""
        names = [name.strip() for name in first]
        if self.column in names:
            return names.index(self.column)
        if len(names) == 1 and _number(names[0]) is not None:
            return None
        rule = f"{self.path}, line 1: one column must be called {self.column!r}"
        raise ValueError(f"{rule}, got {names}{hint(self.column, names)}")

    def _seconds(self, number: int, row: list[str], place: int) -> float:
        text = row[place] if place < len(row) else ""
        time_s = _number(text)
        if time_s is None or not 0 <= time_s < math.inf:
            rule = f"{self.path}, line {number}: {self.column} must be a finite number of seconds, at least 0"
            raise ValueError(f"{rule}, got {text!r}")
        return time_s


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
