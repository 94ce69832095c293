"""Study: cells × seeds, run wherever there is room, and kept."""

from __future__ import annotations

import functools
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcluster.engine import check_seeds, hint
from simcluster.measurement.statistics import Precision
from simcluster.scenario import Result, Scenario
from simcluster.scenario.versions import machine, versions
from simcluster.study.design import Cell, Design
from simcluster.study.fields import short_names, with_fields
from simcluster.study.fingerprint import fingerprint
from simcluster.study.plan import (
    MEASURED,
    Executor,
    Measure,
    Outcome,
    Plan,
    Row,
    Seeded,
    Task,
    check_made,
    scenario_of,
    where,
)
from simcluster.study.running.execution import execution
from simcluster.study.running.journal import Journal
from simcluster.study.store import Store, storable
from simcluster.study.stored import StoredStudy

#: So many runs are begun for a study at first, and then as many as last about so long; the rest others may take.
CLAIM, MOST, LASTS_S = 16, 1024, 1.0
#: After how long a look is taken at what others have done.
POLL_S = 0.5


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came; ``table`` holds the runs that were done by then."""

    def __init__(self, table: Callable[[], Any], done: int, total: int) -> None:
        super().__init__(f"interrupted after {done} of {total} runs")
        self._table = table

    @property
    def table(self) -> Any:
        """The rows of the runs that were done."""
        return self._table()


class RunFailed(RuntimeError):
    """A run has failed, and the study was to stop then; the other runs that were done are kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study has come: runs that are done, those of them that failed, and all of them."""

    done: int
    failed: int
    total: int


Report = Callable[[Progress], object]


class Study(StoredStudy):
    """Scenarios by label, with other values of some fields, each run under every seed; and the runs that are done.

    ``scenarios`` is one scenario, or several by label, which fills the columns ``labels``; each may be a function of
    the seed. ``vary`` is a design: which fields have which values in a cell (see ``grid``); the last name of each path
    that tells it from the others names its column. All cells have the same ``seeds``. ``measure`` gives of a result a
    mapping of names to numbers and words, or several, none of which is called like a column; without it, it is
    ``result.metrics`` but for those that are.

    ``path`` is the database that keeps what is done, made where there is none. A study that it knows goes on where
    it stood; one that differs in any field, in the code of its functions or in the version of simcluster is another.
    Without a path the runs are in memory.

    Raises ``ValueError`` for what is wrong with any cell, before anything is run.
    """

    def __init__(
        self,
        scenarios: Seeded | Mapping[Any, Seeded],
        seeds: Iterable[int],
        measure: Measure | None = None,
        *,
        vary: Design | None = None,
        labels: Sequence[str] = ("scenario",),
        path: Path | str = ":memory:",
        name: str = "study",
    ) -> None:
        if not isinstance(seeds, Iterable):
            raise ValueError(f"seeds must be several, got {seeds!r}: write range({seeds!r})")
        self.seeds = tuple(seeds)
        check_seeds(self.seeds)
        if max(self.seeds) >= 2**63:
            raise ValueError(f"seeds must be below 2**63 to be kept, got {max(self.seeds)}")
        if measure is not None and not callable(measure):
            raise ValueError(f"measure must be a function of a result, got {measure!r}")
        columns, cells = _cells(scenarios, vary, labels)
        self.plan = Plan([made for _, made in cells], measure or functools.partial(all_metrics, besides=columns))
        for label, made in cells:
            if not isinstance(made, Scenario):
                for seed in self.seeds:
                    check_made(dict(zip(columns, label, strict=True)), made, seed)
        key = fingerprint(versions()["simcluster"], columns, cells, self.plan.measure)
        definition = {
            "columns": list(columns), "cells": len(cells), "seeds": list(self.seeds), "versions": versions(),
            "machine": machine(),
        }  # fmt: skip
        store = Store(path)
        kept = [(list(shown), _text(made)) for shown, (_, made) in zip(_shown(columns, cells), cells, strict=True)]
        super().__init__(store, key, name, store.enter(key, name, definition, kept))

    def run(
        self,
        processes: int | None = None,
        *,
        dask: str | None = None,
        progress: Report | None = None,
        stop_on_error: bool = False,
        retry_failed: bool = False,
        time_limit_s: float | None = None,
        memory_limit_bytes: int | None = None,
        within: Executor | None = None,
        until: Precision | None = None,
        metric: str | None = None,
    ) -> Study:
        """Run what is not done yet, in so many processes (every core when ``None``), and keep it.

        With ``dask`` it is run by the workers of that scheduler, or of a new one on this machine (``"local"``); or
        ``within`` what one has already. A run that raises, kills its process or takes more than it may is kept as
        failed, and the study goes on, unless it is to ``stop_on_error``, which raises ``RunFailed``. Other processes
        may run the same study in the same file meanwhile; this returns when all of it is done. Ctrl-C raises
        ``Interrupted``; what was done is kept. ``progress`` is told how far it is; without it, a notebook shows it.

        ``until`` a cell's mean ``metric`` is known so precisely, it is run under more of the seeds, in their order; the
        others are left.
        """
        if (until is None) != (metric is None):
            raise ValueError(f"until and metric must be given together, got {until!r} and {metric!r}")
        if retry_failed:
            self.store.forget_failed(self.key)
        limits: dict[str, Any] = {"time_limit_s": time_limit_s, "memory_limit_bytes": memory_limit_bytes}
        with execution(processes, dask, within, **limits) as executor, _reporting(progress, self.name) as progress:
            try:
                while wanted := self._wanted(until, metric):
                    if not self._run_ours(executor, wanted, progress, stop_on_error):
                        # The rest has been begun by others, who may be gone before they end it.
                        self._tell(progress)
                        time.sleep(POLL_S)
            except KeyboardInterrupt:
                raise Interrupted(self.frame, self.store.counts(self.key)[0], self.total) from None
        return self

    def replay(self, cell: int, seed: int) -> Result:
        """Run a run again; see ``StoredStudy.replay``. One whose measure failed raises that error again too."""
        result = super().replay(cell, seed)
        if self.run_of(cell, seed).error is not None:
            self.plan.measure(result)
        return result

    def _made(self, cell: int, seed: int) -> Scenario:
        return scenario_of(self.plan.cells[cell], seed)

    def _wanted(self, until: Precision | None, metric: str | None) -> list[Task]:
        """The runs that are yet to be done."""
        finished = self.store.finished(self.key)
        every = ((cell, seed) for cell in range(len(self.plan.cells)) for seed in self.seeds)
        wanted = [task for task in every if task not in finished]
        if until is None or metric is None:
            return wanted
        values: dict[int, list[Any]] = {cell: [] for cell in range(len(self.plan.cells))}
        begun = Counter(cell for cell, _ in finished)
        for run in self.store.runs(self.key):
            for row in run.rows:
                if metric not in row:
                    raise ValueError(f"metric must be one of {', '.join(row)}, got {metric!r}{hint(metric, row)}")
                values[run.cell].append(row[metric])
        more = {
            cell: min(self._more(until, cell, found), until.at_most - begun[cell]) for cell, found in values.items()
        }
        chosen = []
        for task in wanted:
            if more[task[0]] > 0:
                more[task[0]] -= 1
                chosen.append(task)
        return chosen

    def _more(self, until: Precision, cell: int, values: Sequence[Any]) -> int:
        try:
            return until.more(values) if values else until.at_least
        except (TypeError, ValueError) as error:
            rule = "metric must be a number in every run that is judged by it"
            raise ValueError(f"{rule}: {error} (in the cell {self._label(cell)})") from None

    def _label(self, cell: int) -> dict[str, Any]:
        return dict(zip(self.columns, self.labels[cell], strict=True))

    def _run_ours(
        self,
        executor: Executor,
        wanted: Sequence[Task],
        progress: Report | None,
        stop_on_error: bool,
    ) -> bool:
        """Run those of ``wanted`` that nobody else has begun; whether there was one."""
        journal = Journal(self.store, self.key)
        any_of_ours = False
        outcomes = executor.outcomes(self.plan, self._claimed(wanted))
        try:
            for found in outcomes:
                any_of_ours |= found is not None
                found = None if found is None else storable(found, self.columns)
                if journal.add(found):
                    self._tell(progress)
                if found is not None and found.error is not None and stop_on_error:
                    raise self._failed(found)
        finally:
            outcomes.close()
            journal.flush()
            self.store.release()
        self._tell(progress)
        return any_of_ours

    def _claimed(self, wanted: Sequence[Task]) -> Iterator[Task]:
        first, count = 0, CLAIM
        while first < len(wanted):
            began_s = time.monotonic()
            yield from self.store.claim(self.key, wanted[first : first + count])
            first += count
            lasted_s = time.monotonic() - began_s
            if lasted_s > LASTS_S:
                count = max(count // 2, 1)
            elif lasted_s < LASTS_S / 2:
                count = min(2 * count, MOST)

    def _failed(self, found: Outcome) -> RunFailed:
        again = self.command(found.cell, found.seed)
        said = where(self._label(found.cell), found.seed)
        return RunFailed(f"{type(found.error).__name__}: {found.error} ({said}; again: {again})")

    def _tell(self, progress: Report | None) -> None:
        if progress is not None:
            progress(Progress(*self.store.counts(self.key), self.total))


@contextmanager
def _reporting(progress: Report | None, name: str) -> Iterator[Report | None]:
    """What is told how far a study is: what the caller says, or what a notebook shows."""
    if progress is None and "IPython" in sys.modules:
        from simcluster.study.progress import in_a_notebook, shown

        if in_a_notebook():
            with shown(name) as report:
                yield report
            return
    yield progress


def all_metrics(result: Result, besides: Sequence[str] = ()) -> Row:
    """What a result says of itself, but for what is called like one of these columns."""
    return {name: value for name, value in result.metrics.items() if name not in (*MEASURED, *besides)}


def _cells(
    scenarios: Seeded | Mapping[Any, Seeded], vary: Design | None, labels: Sequence[str]
) -> tuple[tuple[str, ...], list[tuple[tuple[Any, ...], Seeded]]]:
    """The names of the columns, and label and scenario of each cell."""
    if isinstance(labels, str):
        raise ValueError(f"labels must be in a tuple, got {labels!r}: write ({labels!r},)")
    named: Mapping[Any, Seeded] = scenarios if isinstance(scenarios, Mapping) else {(): scenarios}
    heads = tuple(labels) if isinstance(scenarios, Mapping) else ()
    if not named:
        raise ValueError("scenarios must be at least one, got none")
    values: list[Cell] = [{}] if vary is None else vary.cells()
    columns = short_names(values[0])
    names = (*heads, *columns.values())
    for name in names:
        if names.count(name) > 1 or name in MEASURED:
            raise ValueError(f"labels must differ from each other and from {list(MEASURED)}, got {name!r}")
    cells: list[tuple[tuple[Any, ...], Seeded]] = []
    for label, made in named.items():
        head = label if isinstance(label, tuple) else (label,)
        if len(head) != len(heads):
            raise ValueError(f"a label must have one value for each of {heads}, got {label!r}")
        for cell in values:
            cells.append(((*head, *cell.values()), _varied(made, cell) if cell else made))
    return names, cells


def _shown(names: Sequence[str], cells: Sequence[tuple[tuple[Any, ...], Seeded]]) -> list[tuple[Any, ...]]:
    """The labels as numbers and words; parts of one kind that differ in a field are told apart by their fields."""
    shown = [tuple(_in_a_column(value) for value in label) for label, _ in cells]
    if len(set(shown)) < len(shown):
        shown = [tuple(_in_a_column(value, whole=True) for value in label) for label, _ in cells]
    if len(set(shown)) < len(shown):
        twice = next(label for label, count in Counter(shown).items() if count > 1)
        told = dict(zip(names, twice, strict=True))
        raise ValueError(f"cells must differ in what tells them apart, got {told} twice")
    return shown


def _varied(made: Seeded, cell: Cell) -> Seeded:
    return with_fields(made, cell) if isinstance(made, Scenario) else functools.partial(_made_and_varied, made, cell)


def _made_and_varied(made: Callable[[int], Scenario], cell: Cell, seed: int) -> Scenario:
    scenario: Scenario = with_fields(scenario_of(made, seed), cell)
    return scenario


def _in_a_column(value: Any, *, whole: bool = False) -> Any:
    """A label's value as a number or a word; of a part its kind, or the ``whole`` of it."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if whole:
        return f"{value!r}"
    word = getattr(value, "kind", None) or getattr(value, "__name__", None)
    return word if isinstance(word, str) else f"{value!r}"


def _text(made: Seeded) -> str | None:
    """A scenario as JSON, if it can be written."""
    if not isinstance(made, Scenario):
        return None
    try:
        return json.dumps(json.loads(made.model_dump_json()), separators=(",", ":"))
    except ValueError:  # a part of one's own that no file can name, such as a closure
        return None
