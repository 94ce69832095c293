"""Plan: what is to be run and measured, cell by cell, and how one run of it goes."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cloudpickle
import numpy as np

from simcluster.scenario import Result, Scenario, run

Row = Mapping[str, object]
Measure = Callable[[Result], Row | Sequence[Row]]
Seeded = Scenario | Callable[[int], Scenario]
Task = tuple[int, int]
"""The place of a cell in its plan, and a seed."""

Outcomes = Generator["Outcome | None", None, None]

MEASURED = ("seed", "ended", "verdicts", "digest")
"""The columns that every run has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Cells, each a scenario or a function of the seed that gives one, and what is measured of every run."""

    cells: Sequence[Seeded]
    measure: Measure


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run: its rows, or the error that ended it.

    ``traceback`` is where the error was raised. ``elapsed_s`` are seconds of the machine that ran it; ``attempts`` are
    more than 1 where a run has killed the process that it was in.
    """

    cell: int
    seed: int
    rows: tuple[Row, ...] = ()
    error: BaseException | None = None
    traceback: str = ""
    elapsed_s: float = 0.0
    attempts: int = 1


class Executor(Protocol):
    """Where runs are run."""

    def outcomes(self, plan: Plan, tasks: Iterable[Task]) -> Outcomes:
        """The outcomes, as they come; ``None`` when none has come for a while, so that the caller can do other things.

        Tasks are taken from the iterable as there is room for them.
        """
        ...


class WorkerDied(RuntimeError):
    """A run has killed the process that it was in, twice."""


class TimeLimit(RuntimeError):
    """A run has taken longer than runs may."""


class Here:
    """Runs one after another in this process."""

    def outcomes(self, plan: Plan, tasks: Iterable[Task]) -> Outcomes:
        """The outcomes in the order of the tasks."""
        for cell, seed in tasks:
            yield outcome(plan.cells[cell], cell, seed, plan.measure)


def outcome(made: Seeded, cell: int, seed: int, measure: Measure) -> Outcome:
    """Run a cell under a seed; whatever that raises but Ctrl-C is in the outcome."""
    began = time.perf_counter()
    try:
        rows = measured(scenario_of(made, seed), seed, measure)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit of a program too
        return Outcome(cell, seed, (), error, traceback.format_exc(), time.perf_counter() - began)
    return Outcome(cell, seed, rows, elapsed_s=time.perf_counter() - began)


def scenario_of(made: Seeded, seed: int) -> Scenario:
    """The scenario of a cell under a seed."""
    scenario = made(seed) if callable(made) else made
    if not isinstance(scenario, Scenario):
        raise ValueError(f"a scenario must be a Scenario or a function of the seed that gives one, got {scenario!r}")
    return scenario


def where(label: Mapping[str, object], seed: int) -> str:
    """Which run it is, in words."""
    said = ", ".join(f"{name}={value!r}" for name, value in label.items()) or "of the only cell"
    return f"in the run {said} under seed {seed}"


def check_made(label: Mapping[str, object], made: Seeded, seed: int) -> None:
    """Make the scenario of a cell; what that raises names the run."""
    try:
        scenario_of(made, seed)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        error.add_note(where(label, seed))
        raise


def measured(scenario: Scenario, seed: int, measure: Measure) -> tuple[Row, ...]:
    """The rows of one run."""
    result = run(scenario, seed)
    rows = measure(result)
    said = ", ".join(dict.fromkeys(verdict.name for verdict in result.verdicts))
    known: Row = {"ended": result.ended.word, "verdicts": said, "digest": result.digest}
    each = _rows(rows)
    check_columns(each, MEASURED)
    return tuple({**known, **{name: _plain(value) for name, value in row.items()}} for row in each)


def portable(found: Outcome) -> Outcome:
    """The same outcome, in which an error that cannot leave its process is told by one that can."""
    error = found.error
    if error is None:
        return found
    try:
        pickle.loads(cloudpickle.dumps(error))
    except Exception as reason:  # whatever the class of the error raises
        told = RuntimeError(f"{type(error).__name__}: {error} (which cannot leave its process: {reason})")
        for note in getattr(error, "__notes__", ()):
            told.add_note(note)
        return Outcome(found.cell, found.seed, (), told, found.traceback, found.elapsed_s)
    return found


def check_columns(rows: Iterable[Row], taken: Sequence[str]) -> None:
    """Raise ``ValueError`` where what was measured is called like a column that is there already."""
    for row in rows:
        for name in row:
            if name in taken:
                raise ValueError(f"measure must not write over the columns {list(taken)}, got {name!r}")


def _plain(value: object) -> object:
    """NumPy's numbers as Python's, so that a table is the same whether or not it was stored in between."""
    return value.item() if isinstance(value, np.generic) else value


def _rows(given: object) -> list[Row]:
    """The rows that ``measure`` gave."""
    if isinstance(given, Mapping):
        return [given]
    rows = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else None
    if rows is None or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(f"measure must give a mapping of names to values, or several, got {given!r:.80}")
    return rows
