"""Progress of what takes a while, on standard error: a bar in a terminal, elsewhere a line now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

#: A run that is over sooner shows nothing.
PATIENCE_S = 2.0
#: Where there is no terminal, a line is written so often.
LINE_S = 30.0


@contextmanager
def study_progress(quiet: bool) -> Iterator[Callable[[Any], None] | None]:
    """The function that is told how far a study has come: its runs done, those failed, and all."""
    if quiet:
        yield None
        return
    console = Console(stderr=True)
    # Where it is not displayed it is still what knows rate and ETA.
    with Progress(BarColumn(bar_width=24), _Columns(), console=console, disable=not console.is_terminal) as bar:
        yield _Told(bar, console)


class _Told:
    """Takes in how far a study has come."""

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar, self._console = bar, console
        self._task = bar.add_task("", total=None, failed=0)
        self._begun = False
        self._said_s = 0.0

    def __call__(self, progress: Any) -> None:
        if not self._begun:  # what was done before says nothing of the rate
            self._bar.reset(self._task, completed=progress.done, total=progress.total)
            self._begun = True
        self._bar.update(self._task, completed=progress.done, total=progress.total, failed=progress.failed)
        task = self._bar.tasks[0]
        elapsed_s = task.elapsed or 0.0
        if not self._console.is_terminal and elapsed_s - self._said_s >= LINE_S:
            self._said_s = elapsed_s
            self._console.print(in_words(task), soft_wrap=True, highlight=False)


class _Columns(TextColumn):
    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        return Text(in_words(task))


def in_words(task: Task) -> str:
    """How far it is: "120/400 runs, 3.4/s, ETA 0:01:22, 2 failed"."""
    if task.total is None:
        return "the workers start"
    rate = "" if task.speed is None else f", {task.speed:.3g}/s"
    left = None if task.finished else task.time_remaining
    seconds = 0 if left is None else int(left)
    eta = "" if left is None else f", ETA {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    failed = f", {task.fields['failed']} failed" if task.fields["failed"] else ""
    return f"{int(task.completed)}/{int(task.total)} runs{rate}{eta}{failed}"


@contextmanager
def waiting(what: str, quiet: bool) -> Iterator[None]:
    """In a terminal, that something runs and for how long, if it is not over soon."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    shown = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console,
                     transient=True)  # fmt: skip
    shown.add_task(what, total=None)
    timer = threading.Timer(PATIENCE_S, shown.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        shown.stop()
