"""Dask's workers, here or on other machines, that run a plan's cells."""

from __future__ import annotations

import functools
import importlib
import math
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from types import TracebackType
from typing import Any

import cloudpickle

from simcluster.study.plan import Outcome, Outcomes, Plan, Task, WorkerDied, outcome, portable
from simcluster.study.processes import ATTEMPTS, BATCH, BATCH_S, TICK_S

#: So many batches wait for each worker.
AHEAD = 3


class OnDask:
    """The workers of the scheduler at ``address``, or with ``"local"`` new ones on this machine, ``processes`` of them.

    Raises ``ValueError`` where Dask is not installed or no scheduler answers.
    """

    def __init__(self, address: str, processes: int | None = None) -> None:
        try:
            distributed: Any = importlib.import_module("distributed")
        except ImportError:
            raise ValueError("dask needs a package more: pip install 'simcluster[dask]'") from None
        import dask

        self._cluster: Any = None
        if address == "local":
            from simcluster.study.started import cores

            # A worker that a run kills takes nothing else with it: one thread each, and the run's batch is split.
            dask.config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1})
            workers = processes or cores()
            with _ctrl_c_is_the_parents():
                self._cluster = distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
                )
        try:
            self._client = distributed.Client(self._cluster or address, timeout=10)
        except (OSError, ValueError) as error:
            rule = "dask must be 'local' or the address of a scheduler that answers"
            raise ValueError(f"{rule}, got {address!r} ({error})") from None
        self._run_s = BATCH_S

    def __enter__(self) -> OnDask:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def outcomes(self, plan: Plan, tasks: Iterable[Task]) -> Outcomes:
        """The outcomes as they come; ``None`` when none has come for a while."""
        distributed: Any = importlib.import_module("distributed")
        # A result, not data that is scattered: Dask makes it anew where the worker that held it is gone.
        held = self._client.submit(_same, cloudpickle.dumps((list(sys.path), cloudpickle.dumps(plan))), pure=False)
        coming, alone = iter(tasks), deque[Task]()
        waiting: dict[Any, list[Task]] = {}
        try:
            while True:
                size = max(1, min(BATCH, int(BATCH_S / self._run_s)))
                # Dask blames all that a worker had when it died: who is under suspicion is run by itself.
                room = 1 if alone else AHEAD * max(1, len(self._client.nthreads()))
                while len(waiting) < room:
                    batch = [alone.popleft()] if alone else list(islice(coming, size))
                    if not batch:
                        break
                    waiting[self._client.submit(_run, held, batch, pure=False)] = batch
                if not waiting:
                    return
                try:
                    done = distributed.wait(list(waiting), timeout=TICK_S, return_when="FIRST_COMPLETED").done
                except TimeoutError:
                    yield None
                    continue
                for future in done:
                    yield from self._read(future, waiting.pop(future), alone)
        finally:
            self._client.cancel(list(waiting))

    def _read(self, future: Any, batch: list[Task], alone: deque[Task]) -> Iterator[Outcome]:
        from distributed import KilledWorker

        try:
            found: list[Outcome] = future.result()
        except KilledWorker:
            if len(batch) > 1:
                alone.extend(batch)  # one of them has done it
            else:
                died = WorkerDied(f"the worker that ran it ended, {ATTEMPTS} times")
                yield Outcome(*batch[0], (), died, attempts=ATTEMPTS)
            return
        self._run_s += (max(math.fsum(each.elapsed_s for each in found) / len(found), 1e-5) - self._run_s) / 4
        yield from found


@contextmanager
def _ctrl_c_is_the_parents() -> Iterator[None]:
    """Processes that are started meanwhile do not hear Ctrl-C, of which their tracebacks would fill the screen."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _same(pickled: bytes) -> bytes:
    return pickled


def _run(pickled: bytes, tasks: list[Task]) -> list[Outcome]:
    plan = _plan(pickled)
    return [portable(outcome(plan.cells[cell], cell, seed, plan.measure)) for cell, seed in tasks]


@functools.lru_cache(maxsize=1)
def _plan(pickled: bytes) -> Plan:
    """The plan, read once on each worker."""
    path, inner = cloudpickle.loads(pickled)
    sys.path.extend(folder for folder in path if folder not in sys.path)
    plan: Plan = cloudpickle.loads(inner)
    return plan
