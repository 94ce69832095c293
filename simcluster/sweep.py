"""Sweep: scenarios × seeds, each run measured, in one table in memory; a ``Study`` keeps its runs in a file."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from simcluster.engine import check_differ, check_seeds
from simcluster.scenario import NEVER_BEGAN, Scenario, versions
from simcluster.study import Interrupted, RunFailed, Study
from simcluster.study.fingerprint import fingerprint
from simcluster.study.plan import (
    MEASURED,
    Executor,
    Here,
    Measure,
    Plan,
    Row,
    Seeded,
    Task,
    check_columns,
    check_made,
    where,
)
from simcluster.study.running.execution import execution
from simcluster.study.running.journal import Unfinished

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Interrupted", "Label", "Measure", "Progress", "Row", "Seeded", "Workers", "sweep", "workers"]

Label = str | float | tuple[str | float, ...]
Progress = Callable[[int, int], None]
Workers = Executor | None
L = TypeVar("L", bound=Label)


@contextmanager
def workers(processes: int | None = None) -> Iterator[Workers]:
    """Processes that one sweep after another can run in; every core when ``processes`` is ``None``.

    With 1 there is none, and sweeps run in this process.
    """
    with execution(processes) as found:
        yield None if isinstance(found, Here) else found


def sweep(
    scenarios: Mapping[L, Seeded],
    seeds: Iterable[int],
    measure: Measure,
    *,
    labels: Sequence[str] = ("scenario",),
    within: Workers = None,
    progress: Progress | None = None,
    path: Path | str | None = None,
) -> pd.DataFrame:
    """Run every scenario under every seed and tabulate what ``measure`` says of each result.

    Raises ``ValueError`` before anything runs for labels that do not fit their columns, for seeds that are none or are
    there twice, and for what a function of the seed gives or raises; and, as soon as it comes, for what a run itself
    raises, and for a measure that writes over a column: such an error has the rows of the runs that were done as its
    ``table``. Ctrl-C raises ``Interrupted``, which has them too.

    A scenario's label is a value, or a tuple of them, which fills the columns named by ``labels``. Then come
    ``seed``, ``ended`` (finished, horizon or deadlock), ``verdicts`` (the names of what the result says of itself,
    empty when all is well), ``digest`` and what was measured: one row for each run, or several where ``measure``
    returns several. A scenario that depends on the seed, because its faults are drawn from it, is given as a function
    of the seed; it is called for every seed before the first run, so that what is wrong is said at once, and again when
    the run's turn comes, so that thousands need not lie in memory. ``progress(done, total)`` is called after each run.
    A scenario that is no such function, and under no seed of which a fault began, is warned of: its figures are those
    of a run without.

    It runs in this process, or ``within`` what ``workers`` gives; the table is the same. A sweep within workers that
    is killed (kill −9) has left its runs in ``.simcluster/``, and goes on from there when it is begun again in the same
    folder; once it is over nothing is left. With a ``path`` the runs stay in that database (see ``Study``).
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
    for name in names:
        if name in MEASURED:
            raise ValueError(f"labels must not be one of the columns {list(MEASURED)}, got {name!r}")
    check_differ("labels", names)
    heads = {(cell, seed): _head(names, label, seed) for cell, label in enumerate(scenarios) for seed in each}
    for cell, made in enumerate(scenarios.values()):
        for seed in each[:1] if isinstance(made, Scenario) else each:
            check_made(_label(heads[cell, seed]), made, seed)
    done: dict[Task, Sequence[Row]] = {}
    if path is not None:
        return _kept(scenarios, each, measure, names, within, progress, path)
    plan = Plan(list(scenarios.values()), measure)
    parts = versions()["simcluster"], names, list(scenarios.items()), measure
    unfinished = None if within is None else Unfinished(lambda: fingerprint(*parts))
    try:
        if unfinished is not None:
            done |= {task: run.rows for task, run in unfinished.taken_over().items() if task in heads}
        for found in (within or Here()).outcomes(plan, [task for task in heads if task not in done]):
            if unfinished is not None:
                unfinished.add(found)
            if found is None:
                continue
            task = found.cell, found.seed
            if found.error is not None:
                raise _told(heads[task], found.error, lambda: _table(names, heads, done))
            try:
                check_columns(found.rows, names)
            except ValueError as error:
                raise _told(heads[task], error, lambda: _table(names, heads, done)) from None
            done[task] = found.rows
            if progress is not None:
                progress(len(done), len(heads))
    except KeyboardInterrupt:
        if unfinished is not None:
            unfinished.leave()
        raise Interrupted(lambda: _table(names, heads, done), len(done), len(heads)) from None
    except BaseException:
        if unfinished is not None:
            unfinished.end()
        raise
    if unfinished is not None:
        unfinished.end()
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


def _kept(
    scenarios: Mapping[L, Seeded], seeds: Sequence[int], measure: Measure, names: Sequence[str], within: Workers,
    progress: Progress | None, path: Path | str,
) -> pd.DataFrame:  # fmt: skip
    """The table of a study in a file."""
    study = Study(scenarios, seeds, measure, labels=names, path=path)
    tell = None if progress is None else lambda far: progress(far.done, far.total)
    try:
        study.run(within=within or Here(), progress=tell, stop_on_error=True)
    except RunFailed as error:
        told: Any = error
        told.table = study.frame()
        raise
    for failed in study.failed():
        raise RuntimeError(f"{failed.error} (again: {study.command(failed.cell, failed.seed)})")
    return study.frame()


def _told(head: Row, error: BaseException, table: Callable[[], pd.DataFrame]) -> BaseException:
    """The error, which names the cell and has the table of what is done."""
    told: Any = error
    told.add_note(where(_label(head), cast(int, head["seed"])))
    told.table = table()
    return error


def _label(head: Row) -> dict[str, object]:
    return {name: value for name, value in head.items() if name != "seed"}


def _warn_of_faults(
    scenarios: Mapping[L, Seeded], heads: Mapping[Task, Row], done: Mapping[Task, Sequence[Row]]
) -> None:
    """Warn of each scenario in every run of which some fault never began: a time that is mistyped, say."""
    by_cell: dict[int, list[Task]] = {}
    for task in heads:
        by_cell.setdefault(task[0], []).append(task)
    for made, tasks in zip(scenarios.values(), by_cell.values(), strict=False):
        rows = [row for task in tasks for row in done[task]]
        if isinstance(made, Scenario) and rows and all(NEVER_BEGAN in str(row["verdicts"]) for row in rows):
            cell = ", ".join(f"{name}={value!r}" for name, value in _label(heads[tasks[0]]).items())
            warnings.warn(f"{NEVER_BEGAN}: under no seed did all faults of {cell} begin", stacklevel=3)


def _head(names: Sequence[str], label: Label, seed: int) -> dict[str, object]:
    values = label if isinstance(label, tuple) else (label,)
    if len(values) != len(names):
        raise ValueError(f"a label must have one value for each of {tuple(names)}, got {label!r}")
    return {**dict(zip(names, values, strict=True)), "seed": seed}


def _table(
    names: Sequence[str], heads: Mapping[Task, Row], done: Mapping[Task, Sequence[Row]]
) -> pd.DataFrame:
    import pandas as pd

    rows = [{**head, **row} for task, head in heads.items() for row in done.get(task, ())]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*names, "seed", "ended", "verdicts", "digest"])
