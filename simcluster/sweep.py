"""Sweep: scenarios × seeds, each run measured, in one table."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import pandas as pd

from simcluster.engine import check_differ, check_seeds, check_whole
from simcluster.scenario import NEVER_BEGAN, Result, Scenario, run

Label = str | float | tuple[str | float, ...]
Row = Mapping[str, object]
Measure = Callable[[Result], Row | Sequence[Row]]
Seeded = Scenario | Callable[[int], Scenario]
Progress = Callable[[int, int], None]
Workers = Executor | None
_COLUMNS = ("seed", "ended", "verdicts", "digest")
_AHEAD = 256  # runs that wait in a pool: enough for all its processes, few enough to lie in memory
L = TypeVar("L", bound=Label)
T = TypeVar("T")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C came; ``table`` holds the runs that were done by then."""

    def __init__(self, table: pd.DataFrame, done: int, total: int) -> None:
        super().__init__(f"interrupted after {done} of {total} runs")
        self.table = table


@contextmanager
def workers(processes: int | None = None) -> Iterator[Workers]:
    """Processes that one sweep after another can run in; every core when ``processes`` is ``None``.

    With 1 there is none, and sweeps run in this process.
    """
    count = _cores() if processes is None else processes
    check_whole("processes", count, 1)
    if count == 1:
        yield None
        return
    # Spawned, not forked: the same on every system, and no thread's lock is copied while it is held.
    pool = ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def sweep(
    scenarios: Mapping[L, Seeded],
    seeds: Iterable[int],
    measure: Measure,
    *,
    labels: Sequence[str] = ("scenario",),
    within: Workers = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Run every scenario under every seed and tabulate what ``measure`` says of each result.

    Raises ``ValueError`` before anything runs for labels that do not fit their columns, for seeds that are none or are
    there twice, and for what a function of the seed gives or raises; and, as soon as it comes, for what a run itself
    raises, and for a measure that writes over a column. Ctrl-C raises ``Interrupted``, which holds the rows of the runs
    that were done.

    A scenario's label is a value, or a tuple of them, which fills the columns named by ``labels``. Then come
    ``seed``, ``ended`` (finished, horizon or deadlock), ``verdicts`` (the names of what the result says of itself,
    empty when all is well), ``digest`` and what was measured: one row for each run, or several where ``measure``
    returns several. A scenario that depends on the seed, because its faults are drawn from it, is given as a function
    of the seed; it is called for every seed before the first run, so that what is wrong is said at once, and again when
    the run's turn comes, so that thousands need not lie in memory. ``progress(done, total)`` is called after each run.
    A scenario that is no such function, and under no seed of which a fault began, is warned of: its figures are those
    of a run without.

    It runs in this process, or ``within`` what ``workers`` gives, and then ``measure`` must be a function of a
    module; the table is the same.
    """
    if not isinstance(scenarios, Mapping):
        raise ValueError(f"scenarios must be a mapping from labels to scenarios, got {scenarios!r}")
    if not callable(measure):
        raise ValueError(f"measure must be a function of a result, got {measure!r}")
    if isinstance(labels, str):
        raise ValueError(f"labels must be in a tuple, got {labels!r}: write ({labels!r},)")
    if not isinstance(seeds, Iterable):
        raise ValueError(f"seeds must be several, got {seeds!r}: write range({seeds!r})")
    names, each = tuple(labels), tuple(seeds)
    check_seeds(each)
    _check_labels(names)
    heads = [_head(names, label, seed) for label in scenarios for seed in each]
    for label, made in scenarios.items():
        for seed in each[:1] if isinstance(made, Scenario) else each:
            _told(_head(names, label, seed), _made, made, seed)
    tasks = ((_made(made, seed), seed) for made in scenarios.values() for seed in each)
    done: dict[int, list[Row]] = {}
    try:
        for index, rows in _runs(tasks, heads, measure, within):
            _check_columns(rows, names)
            done[index] = rows
            if progress is not None:
                progress(len(done), len(heads))
    except KeyboardInterrupt:
        raise Interrupted(_table(names, heads, done), len(done), len(heads)) from None
    _warn_of_faults(scenarios, heads, done)
    return _table(names, heads, done)


def verdicts_in_words(
    table: pd.DataFrame, labels: Sequence[str] = ("scenario",), *, besides: Sequence[str] = ()
) -> str:
    """How many runs of a sweep's table have which verdict, for a note below a figure: "horizon in 3 of 8 runs".

    Nothing is said of those ``besides``.
    """
    runs = table.drop_duplicates([*labels, "seed"])["verdicts"]
    counts = Counter(name for names in runs for name in names.split(", ") if name and name not in besides)
    return ", ".join(f"{name} in {count} of {len(runs)} runs" for name, count in counts.items())


def measured(scenario: Scenario, seed: int, measure: Measure) -> list[Row]:
    """The rows of one run."""
    result = run(scenario, seed)
    rows = measure(result)
    said = ", ".join(dict.fromkeys(verdict.name for verdict in result.verdicts))
    known: Row = {"ended": result.ended.word, "verdicts": said, "digest": result.digest}
    each = _rows(rows)
    _check_columns(each, _COLUMNS)
    return [{**known, **row} for row in each]


def _made(made: Seeded, seed: int) -> Scenario:
    """The scenario for a seed."""
    scenario = made(seed) if callable(made) else made
    if not isinstance(scenario, Scenario):
        raise ValueError(f"a scenario must be a Scenario or a function of the seed that gives one, got {scenario!r}")
    return scenario


def _told(head: Row, function: Callable[..., T], *arguments: object) -> T:
    """What ``function`` gives; what it raises names the cell of the table."""
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit of a program too
        error.add_note(f"in the run {_in_words(head)} under seed {head['seed']}")
        raise


def _in_words(head: Row) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in head.items() if name != "seed")


def _runs(
    tasks: Iterable[tuple[Scenario, int]], heads: Sequence[Row], measure: Measure, within: Workers
) -> Iterator[tuple[int, list[Row]]]:
    numbered = enumerate(tasks)
    if within is None:
        for index, (scenario, seed) in numbered:
            yield index, _told(heads[index], measured, scenario, seed, measure)
        return
    places: dict[Future[list[Row]], int] = {}
    try:
        while True:
            for index, (scenario, seed) in islice(numbered, _AHEAD - len(places)):
                places[within.submit(_measured_elsewhere, scenario, seed, measure)] = index
            if not places:
                return
            wait(places, return_when=FIRST_COMPLETED)
            for future in [future for future in places if future.done()]:
                index = places.pop(future)
                yield index, _told(heads[index], future.result)
    finally:
        for future in places:
            future.cancel()


def _measured_elsewhere(scenario: Scenario, seed: int, measure: Measure) -> list[Row]:
    """The rows of one run in another process, out of which only what can be pickled comes."""
    try:
        return measured(scenario, seed, measure)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception as reason:  # whatever the class of the error raises
            told = RuntimeError(f"{type(error).__name__}: {error} (which cannot leave its process: {reason})")
            for note in getattr(error, "__notes__", ()):
                told.add_note(note)
            raise told.with_traceback(error.__traceback__) from None
        raise


def _warn_of_faults(scenarios: Mapping[L, Seeded], heads: Sequence[Row], done: Mapping[int, list[Row]]) -> None:
    """Warn of each scenario in every run of which some fault never began: a time that is mistyped, say."""
    for place, made in enumerate(scenarios.values()):
        runs = len(heads) // len(scenarios)
        rows = [row for index in range(place * runs, (place + 1) * runs) for row in done[index]]
        if isinstance(made, Scenario) and rows and all(NEVER_BEGAN in str(row["verdicts"]) for row in rows):
            cell = _in_words(heads[place * runs])
            warnings.warn(f"{NEVER_BEGAN}: under no seed did all faults of {cell} begin", stacklevel=3)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_labels(names: Sequence[str]) -> None:
    for name in names:
        if name in _COLUMNS:
            raise ValueError(f"labels must not be one of the columns {list(_COLUMNS)}, got {name!r}")
    check_differ("labels", names)


def _rows(given: object) -> list[Row]:
    """The rows that a measure gave."""
    if isinstance(given, Mapping):
        return [given]
    rows = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else None
    if rows is None or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(f"measure must give a mapping of names to values, or several, got {given!r:.80}")
    return rows


def _check_columns(rows: Iterable[Row], taken: Sequence[str]) -> None:
    for row in rows:
        for name in row:
            if name in taken:
                raise ValueError(f"measure must not write over the columns {list(taken)}, got {name!r}")


def _head(names: Sequence[str], label: Label, seed: int) -> dict[str, object]:
    values = label if isinstance(label, tuple) else (label,)
    if len(values) != len(names):
        raise ValueError(f"a label must have one value for each of {tuple(names)}, got {label!r}")
    return {**dict(zip(names, values, strict=True)), "seed": seed}


def _table(
    names: Sequence[str], heads: Sequence[Mapping[str, object]], done: Mapping[int, list[Row]]
) -> pd.DataFrame:
    rows = [{**heads[index], **row} for index in sorted(done) for row in done[index]]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*names, "seed", "ended", "verdicts", "digest"])
