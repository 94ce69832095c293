"""Dask's workers, here or on other machines, that run a plan's cells."""

from __future__ import annotations

import functools
import importlib
import math
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from types import TracebackType
from typing import Any

import cloudpickle

from simcluster.study.plan import Outcome, Outcomes, Plan, Task, WorkerDied, outcome, portable
from simcluster.study.running.processes import ATTEMPTS, BATCH, BATCH_S, TICK_S

#: So many batches wait for each worker.
AHEAD = 3
#: After how long without a scheduler workers of ours end.
LEFT_S = 10


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

        self._ours = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        if address == "local":
            from simcluster.study.running.started import cores

            # A worker that a run kills takes nothing else with it: one thread each, and the run's batch is split.
            dask.config.set({"distributed.scheduler.allowed-failures": ATTEMPTS - 1})
            cluster = distributed.LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=50)  # at any free port
            self._ours.callback(cluster.close)
            address = cluster.scheduler_address
            self._process = self._ours.enter_context(_workers(address, processes or cores()))
        try:
            self._client = distributed.Client(address, timeout=10)
        except (OSError, ValueError) as error:
            self._ours.close()
            rule = "dask must be 'local' or the address of a scheduler that answers"
            raise ValueError(f"{rule}, got {address!r} ({error})") from None
        self._run_s = BATCH_S

    def __enter__(self) -> OnDask:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()
        self._ours.close()

    def outcomes(self, plan: Plan, tasks: Iterable[Task]) -> Outcomes:
        """The outcomes as they come; ``None`` when none has come for a while."""
        distributed: Any = importlib.import_module("distributed")
        pickled = cloudpickle.dumps((list(sys.path), cloudpickle.dumps(plan)))
        coming, suspects = iter(tasks), deque[Task]()
        waiting: dict[Any, list[Task]] = {}
        held: Any = None
        suspect: Any = None

        def submit(batch: list[Task]) -> Any:
            nonlocal held
            # A result, not data that is scattered: Dask makes it anew where the worker that held it is gone.
            held = held or self._client.submit(_same, pickled, pure=False)
            future = self._client.submit(_run, held, batch, pure=False)
            waiting[future] = batch
            return future

        try:
            while True:
                # Dask blames all that a worker had when it died: who is under suspicion is run with nothing beside it.
                if suspects and not waiting:
                    suspect = submit([suspects.popleft()])
                while not suspects and suspect not in waiting and len(waiting) < self._room():
                    batch = list(islice(coming, max(1, min(BATCH, int(BATCH_S / self._run_s)))))
                    if not batch:
                        break
                    submit(batch)
                if not waiting:
                    return
                try:
                    done = distributed.wait(list(waiting), timeout=TICK_S, return_when="FIRST_COMPLETED").done
                except TimeoutError:
                    if self._process is not None and self._process.poll() is not None:
                        raise WorkerDied("the process that begins Dask's workers has ended") from None
                    yield None
                    continue
                for future in done:
                    batch = waiting.pop(future)
                    try:
                        yield from self._timed(future.result())
                    except distributed.KilledWorker:
                        if future is suspect:
                            died = WorkerDied(f"the worker that ran it ended, {ATTEMPTS} times")
                            yield Outcome(*batch[0], (), died, attempts=ATTEMPTS)
                        else:
                            suspects.extend(batch)
                            held = None  # which may be what is blamed
        finally:
            self._client.cancel(list(waiting))

    def _room(self) -> int:
        """How many batches may wait."""
        return AHEAD * max(1, len(self._client.nthreads()))

    def _timed(self, found: list[Outcome]) -> list[Outcome]:
        """The outcomes of a batch, which say how many runs the next ones have."""
        self._run_s += (max(math.fsum(each.elapsed_s for each in found) / len(found), 1e-5) - self._run_s) / 4
        return found


@contextmanager
def _workers(scheduler: str, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """So many workers of a scheduler, which end with the block, and where it is gone.

    Dask would have Python's multiprocessing begin them, which runs the caller's script again in each: one without a
    main guard for ever, and standard input not at all. Of a program on the command line there is nothing to run again.
    """
    options = ["--nworkers", str(count), "--nthreads", "1", "--no-dashboard", "--death-timeout", f"{LEFT_S}"]
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from distributed.cli.dask_worker import main\n"
        f"main({[scheduler, *options]!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "DASK_LOGGING__DISTRIBUTED": "critical"},
        start_new_session=True,  # Ctrl-C is the parent's, of which their tracebacks would fill the screen
    )
    try:
        yield process
    finally:
        # All of them, and now: asked to end, they first end the runs that they have.
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()


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
