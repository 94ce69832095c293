"""Where a study is run: in this process, in others of this machine, or on Dask's workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from simcluster.engine import check_whole
from simcluster.study.plan import Executor, Here
from simcluster.study.processes import Processes


@contextmanager
def execution(
    processes: int | None = None,
    dask: str | None = None,
    within: Executor | None = None,
    *,
    time_limit_s: float | None = None,
    memory_limit_bytes: int | None = None,
    at_once: bool = False,
) -> Iterator[Executor]:
    """What runs runs, for as long as the block lasts; what is handed in ``within`` stays as it is.

    With one process and no limits it is this one. Others begin with the first run, or ``at_once``. Raises
    ``ValueError`` for limits that the executor does not have.
    """
    if within is not None:
        yield within
        return
    if dask is not None:
        from simcluster.study.on_dask import OnDask

        if memory_limit_bytes is not None or time_limit_s is not None:
            raise ValueError("limits of a run are for processes of this machine, got them with dask")
        with OnDask(dask, processes) as cluster:
            yield cluster
        return
    count = cores() if processes is None else processes
    check_whole("processes", count, 1)
    if count == 1 and time_limit_s is None and memory_limit_bytes is None:
        yield Here()
        return
    pool = Processes(count, time_limit_s=time_limit_s, memory_limit_bytes=memory_limit_bytes)
    try:
        if at_once:
            pool.start()
        yield pool
    finally:
        pool.close()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
