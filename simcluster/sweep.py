"""Sweep: scenarios × seeds, each run measured, in one table."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

import pandas as pd

from simcluster.scenario import Result, Scenario, run

Label = str | float | tuple[str | float, ...]
Row = Mapping[str, object]
Measure = Callable[[Result], Row | Sequence[Row]]
Seeded = Scenario | Callable[[int], Scenario]
Progress = Callable[[int, int], None]
Workers = Executor | None
L = TypeVar("L", bound=Label)


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
    if count < 1:
        raise ValueError(f"processes: must be at least 1, got {processes}")
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

    A scenario's label is a value, or a tuple of them, which fills the columns named by ``labels``. Then come
    ``seed``, ``ended`` (finished, horizon or deadlock), ``digest`` and what was measured: one row for each run,
    or several where ``measure`` returns several. A scenario that depends on the seed, because its faults are drawn
    from it, is given as a function of the seed. ``progress(done, total)`` is called after each run.

    It runs in this process, or ``within`` what ``workers`` gives, and then ``measure`` must be a function of a
    module; the table is the same.

    Raises ``ValueError`` for labels that do not fit their columns, and for what a run itself raises. Ctrl-C
    raises ``Interrupted``, which holds the rows of the runs that were done.
    """
    names, each = tuple(labels), tuple(seeds)
    heads = [_head(names, label, seed) for label in scenarios for seed in each]
    tasks = [
        (made if isinstance(made, Scenario) else made(seed), seed)
        for made in scenarios.values()
        for seed in each
    ]
    done: dict[int, list[Row]] = {}
    try:
        for index, rows in _runs(tasks, measure, within):
            done[index] = rows
            if progress is not None:
                progress(len(done), len(tasks))
    except KeyboardInterrupt:
        raise Interrupted(_table(names, heads, done), len(done), len(tasks)) from None
    return _table(names, heads, done)


def measured(scenario: Scenario, seed: int, measure: Measure) -> list[Row]:
    """The rows of one run."""
    try:
        result = run(scenario, seed)
        rows = measure(result)
    except ValueError as error:
        error.add_note(f"under seed {seed}")
        raise
    known: Row = {"ended": result.ended.word, "digest": result.digest}
    return [{**known, **row} for row in ([rows] if isinstance(rows, Mapping) else rows)]


def _runs(
    tasks: Sequence[tuple[Scenario, int]], measure: Measure, within: Workers
) -> Iterator[tuple[int, list[Row]]]:
    if within is None:
        for index, (scenario, seed) in enumerate(tasks):
            yield index, measured(scenario, seed, measure)
        return
    places = {
        within.submit(measured, scenario, seed, measure): index for index, (scenario, seed) in enumerate(tasks)
    }
    try:
        for future in as_completed(places):
            yield places[future], future.result()
    finally:
        for future in places:
            future.cancel()


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _head(names: Sequence[str], label: Label, seed: int) -> dict[str, object]:
    values = label if isinstance(label, tuple) else (label,)
    if len(values) != len(names):
        raise ValueError(f"a label must have one value for each of {tuple(names)}, got {label!r}")
    return {**dict(zip(names, values, strict=True)), "seed": seed}


def _table(
    names: Sequence[str], heads: Sequence[Mapping[str, object]], done: Mapping[int, list[Row]]
) -> pd.DataFrame:
    rows = [{**heads[index], **row} for index in sorted(done) for row in done[index]]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*names, "seed", "ended", "digest"])
