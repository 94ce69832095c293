"""The process of a worker and the pipes to it. It is begun by what imports nothing else, so that it can be at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection


@dataclass(frozen=True, eq=False, slots=True)
class Started:
    """A worker that was begun: its process, and the pipes to it and from it."""

    process: subprocess.Popen[bytes]
    tasks_to: Connection
    outcomes_from: Connection

    def end(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        self.tasks_to.close()
        self.outcomes_from.close()


def start(memory_bytes: int | None = None) -> Started:
    """Begin a worker whose runs may take so much more memory than it has then. It ends when its pipes are closed."""
    their_tasks, our_tasks = os.pipe()
    our_outcomes, their_outcomes = os.pipe()
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from simcluster.study.running.worker import main\n"
        f"main({their_tasks}, {their_outcomes}, {memory_bytes!r})"
    )
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            pass_fds=(their_tasks, their_outcomes),
            start_new_session=True,  # Ctrl-C is the parent's, which tells them
        )
    finally:
        os.close(their_tasks)
        os.close(their_outcomes)
    return Started(process, Connection(our_tasks, readable=False), Connection(our_outcomes, writable=False))


@contextmanager
def several(count: int, memory_bytes: int | None) -> Iterator[tuple[Started, ...]]:
    """So many workers, which end with the block."""
    begun = tuple(start(memory_bytes) for _ in range(count))
    try:
        yield begun
    finally:
        for each in begun:
            each.end()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
