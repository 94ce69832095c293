"""What one run that takes a while shows of itself, on standard error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

#: A run that is over sooner shows nothing.
PATIENCE_S = 2.0


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
