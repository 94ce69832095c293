"""A worker: the process that runs what its parent sends, until the parent is gone."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

READY = b"ready"


def main(reads: int, writes: int, memory_bytes: int | None) -> None:
    """Run what comes on one pipe, and send what became of it on the other.

    A message is the parent's ``sys.path`` and ``sys.argv`` and what is measured, or a cell of the plan, or tasks. Each
    outcome is sent as soon as it is there: when this process dies, the run that it died of is the first without one.
    """
    coming: SimpleQueue[bytes] = SimpleQueue()
    parent = Connection(reads, writable=False)
    to_parent = Connection(writes, readable=False)
    threading.Thread(target=_listen, args=(parent, coming), daemon=True).start()
    # After the thread, so that the end of the parent is noticed while this is imported.
    from simcluster.study.plan import Outcome, portable

    if memory_bytes is not None:
        _limit(memory_bytes)
    to_parent.send_bytes(READY)
    cells: dict[int, Any] = {}
    measure: Any = None
    while True:
        word, *rest = pickle.loads(coming.get())
        if word == "measure":
            sys.path[:], sys.argv[:], pickled = rest
            cells.clear()
            measure = _loaded(pickled)
        elif word == "cell":
            cells[rest[0]] = _loaded(rest[1])
        else:
            for cell, seed in rest[0]:
                broken = next((part for part in (cells[cell], measure) if isinstance(part, _Unreadable)), None)
                if broken is not None:
                    found = Outcome(cell, seed, (), broken.error, broken.traceback)
                else:
                    found = portable(_outcome(cells[cell], cell, seed, measure))
                to_parent.send_bytes(_dumped(found))


def _outcome(made: Any, cell: int, seed: int, measure: Any) -> Any:
    """The outcome of a run; Ctrl-C is not meant for this process, so that one is the run's own."""
    import traceback

    from simcluster.study.plan import Outcome, outcome

    try:
        return outcome(made, cell, seed, measure)
    except KeyboardInterrupt as error:
        return Outcome(cell, seed, (), RuntimeError(f"KeyboardInterrupt: {error}"), traceback.format_exc())


class _Unreadable:
    """What could not be read here, and why: an error of each run that needs it."""

    def __init__(self, error: BaseException, traceback: str) -> None:
        self.error, self.traceback = error, traceback


def _loaded(pickled: bytes) -> Any:
    import traceback

    try:
        return pickle.loads(pickled)
    except Exception as error:  # a module that this process cannot import, say
        told = RuntimeError(f"{type(error).__name__}: {error} (in a process that was to run it)")
        return _Unreadable(told, traceback.format_exc())


def _dumped(found: Any) -> bytes:
    """An outcome; rows that cannot be pickled, such as a lambda, are an error of the run."""
    import cloudpickle

    from simcluster.study.plan import Outcome

    try:
        return pickle.dumps(found) if found.error is None else bytes(cloudpickle.dumps(found))
    except Exception as error:  # whatever a class raises that was not made for it
        told = ValueError(f"measure must give what can leave its process, got {found.rows!r:.80} ({error})")
        return pickle.dumps(Outcome(found.cell, found.seed, (), told, "", found.elapsed_s))


def _listen(parent: Connection, coming: SimpleQueue[bytes]) -> None:
    while True:
        try:
            coming.put(parent.recv_bytes())
        except (EOFError, OSError):  # the parent is gone, and nobody waits for what is run here
            os._exit(0)


def _limit(memory_bytes: int) -> None:
    """So many bytes more than this process has now, and it runs out of memory."""
    import resource

    with open("/proc/self/statm") as told:
        taken = int(told.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (taken + memory_bytes, resource.RLIM_INFINITY))
