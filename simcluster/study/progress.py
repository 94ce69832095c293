"""Progress of runs: a bar in a terminal and lines now and then elsewhere, on standard error; in a notebook a line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

if TYPE_CHECKING:
    from simcluster.study.study import Progress

    Report = Callable[[Progress], None]

#: Where there is no terminal, a line is written so often.
LINE_S = 30.0


@contextmanager
def shown(name: str = "") -> Iterator[Report]:
    """The function that is told how far the runs of ``name`` have come, and shows it."""
    console = Console(stderr=True)
    if console.is_jupyter:  # where a bar of rich would need ipywidgets
        with _line_of_text(name) as report:
            yield report
        return
    # Where it is not displayed it is still what knows rate and ETA.
    with Bar(BarColumn(bar_width=24), _Words(), console=console, disable=not console.is_terminal) as bar:
        yield _Told(bar, console, name)


def in_a_notebook() -> bool:
    """Whether what is shown here is shown in a notebook, where what takes long says how far it is unasked."""
    return "IPython" in sys.modules and Console().is_jupyter


class _Told:
    """Takes in how far the runs have come."""

    def __init__(self, bar: Bar, console: Console, name: str) -> None:
        self._bar, self._console = bar, console
        self._task = bar.add_task(name, total=None, failed=0)
        self._begun = False
        self._said_s = 0.0

    def __call__(self, progress: Progress) -> None:
        if not self._begun:  # what was done before says nothing of the rate
            self._bar.reset(self._task, completed=progress.done, total=progress.total)
            self._begun = True
        self._bar.update(self._task, completed=progress.done, total=progress.total, failed=progress.failed)
        task = self._bar.tasks[0]
        elapsed_s = task.elapsed or 0.0
        if not self._console.is_terminal and elapsed_s - self._said_s >= LINE_S:
            self._said_s = elapsed_s
            self._console.print(in_words(task), soft_wrap=True, highlight=False, markup=False)


class _Words(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(in_words(task))


def in_words(task: Task) -> str:
    """How far it is: "staleness 120/400 runs, 3.4/s, ETA 0:01:22, 2 failed"."""
    named = f"{task.description} " if task.description else ""
    if task.total is None:
        return f"{named}the workers start"
    rate = "" if task.speed is None else f", {task.speed:.3g}/s"
    left = None if task.finished else task.time_remaining
    seconds = 0 if left is None else int(left)
    eta = "" if left is None else f", ETA {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    failed = f", {task.fields['failed']} failed" if task.fields["failed"] else ""
    return f"{named}{int(task.completed)}/{int(task.total)} runs{rate}{eta}{failed}"


@contextmanager
def _line_of_text(name: str) -> Iterator[Report]:
    """A line of a cell's output that is written over whenever another hundredth is done."""
    last: list[int] = []

    def report(progress: Progress) -> None:
        done, total = progress.done, progress.total
        share = 100 * done // total if total else 100
        if last[-1:] != [share]:
            last.append(share)
            failed = f", {progress.failed} failed" if progress.failed else ""
            print(f"\r{name} {done}/{total} ({share} %){failed}", end="", flush=True)

    try:
        yield report
    finally:
        if last:
            print()
