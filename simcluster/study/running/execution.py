"""Where a study is run: in this process, in others of this machine, or on Dask's workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from simcluster.engine import check_whole
from simcluster.study.plan import Executor, Here
from simcluster.study.running.processes import Processes
from simcluster.study.running.started import Started, cores


@contextmanager
def execution(
    processes: int | None = None,
    dask: str | None = None,
    within: Executor | None = None,
    *,
    time_limit_s: float | None = None,
    memory_limit_bytes: int | None = None,
    started: Sequence[Started] = (),
) -> Iterator[Executor]:
    """What runs runs, for as long as the block lasts; what is handed in ``within`` stays as it is.

    With one process and no limits it is this one. ``started`` are workers of this machine that are
    there already. Raises ``ValueError`` for limits that the executor does not have.
    """
    if within is not None:
        yield within
        return
    if dask is not None:
        from simcluster.study.running.on_dask import OnDask

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
    pool = Processes(count, time_limit_s=time_limit_s, memory_limit_bytes=memory_limit_bytes, started=started)
    try:
        yield pool
    finally:
        pool.close()
