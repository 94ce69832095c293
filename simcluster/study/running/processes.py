"""Processes of this machine that run a plan's cells, and survive what runs do to them."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from multiprocessing.connection import Connection, wait

import cloudpickle

from simcluster.engine import check_whole
from simcluster.study.plan import Outcome, Outcomes, Plan, Task, TimeLimit, WorkerDied
from simcluster.study.running.started import Started, start
from simcluster.study.running.worker import READY

#: A worker is sent runs for about so long, so that the pipes between cost little; twice, so that it need not wait.
BATCH_S = 0.05
#: The most that it is sent at a time, however short they are.
BATCH = 64
#: When no outcome has come for so long, the caller is told.
TICK_S = 0.2
#: How often a run is begun that kills its worker.
ATTEMPTS = 2
#: After how many workers in a row that end before they are ready there is no use in more.
STARTS = 3


@dataclass(eq=False)
class _Worker:
    """A process, and the runs that it has yet to send outcomes of, the oldest first."""

    started: Started
    ready: bool = False
    has: set[int] = field(default_factory=set)
    """The cells that it was sent."""
    given: deque[Task] = field(default_factory=deque)
    since_s: float = 0.0
    """When the oldest of them was begun, on this machine's own clock."""
    measures: bytes = b""


class Processes:
    """Workers that one plan after another can be run in.

    They are programs of their own that import nothing of the caller's script: functions and classes of a script, of
    a notebook's cell and of standard input are sent to them. A run that kills its worker is begun once more, and then
    its outcome is ``WorkerDied``; one that takes longer than ``time_limit_s`` seconds of this machine is killed,
    and its outcome is ``TimeLimit``; one that takes ``memory_limit_bytes`` more than a worker has from the beginning
    meets ``MemoryError``. When the caller is gone, so are they. ``started`` are the first of them, if they are there.
    """

    def __init__(
        self, count: int, *, time_limit_s: float | None = None, memory_limit_bytes: int | None = None,
        started: Sequence[Started] = (),
    ) -> None:  # fmt: skip
        check_whole("processes", count, 1)
        if time_limit_s is not None and not time_limit_s > 0:
            raise ValueError(f"time_limit_s must be above 0, got {time_limit_s!r}")
        if memory_limit_bytes is not None:
            check_whole("memory_limit_bytes", memory_limit_bytes, 1)
            if not os.path.exists("/proc/self/statm"):
                raise ValueError(f"memory_limit_bytes needs Linux, got {memory_limit_bytes!r} on {sys.platform}")
        self._count, self._time_limit_s, self._memory_bytes = count, time_limit_s, memory_limit_bytes
        self._workers = [_Worker(each) for each in started]
        self._failed_starts = 0
        self._run_s = BATCH_S  # what a run takes, as a running mean

    def outcomes(self, plan: Plan, tasks: Iterable[Task]) -> Outcomes:
        """The outcomes as they come; ``None`` when none has come for a while."""
        measures = pickle.dumps(("measure", list(sys.path), sys.argv, _pickled("measure", plan.measure)))
        cells: dict[int, bytes] = {}
        coming, again, begun = iter(tasks), deque[Task](), dict[Task, int]()
        try:
            while True:
                self._fill(measures, plan, cells, coming, again)
                busy = [worker for worker in self._workers if worker.given]
                if not busy:
                    return
                yield from self._arrived(busy, again, begun)
        finally:
            if any(worker.given for worker in self._workers):
                self.close()  # what they run, nobody waits for

    def close(self) -> None:
        """End the workers, whatever they do."""
        for worker in self._workers:
            worker.started.process.kill()
        for worker in self._workers:
            worker.started.end()
        self._workers.clear()

    def _fill(
        self, measures: bytes, plan: Plan, cells: dict[int, bytes], coming: Iterator[Task], again: deque[Task]
    ) -> None:
        """Give runs to workers that will soon have none, those first that another has died before."""
        size = max(1, min(BATCH, int(BATCH_S / self._run_s)))
        for place in range(self._count):
            if place < len(self._workers) and len(self._workers[place].given) > size:
                continue
            batch = [again.popleft() for _ in range(min(size, len(again)))]
            batch.extend(islice(coming, size - len(batch)))
            if not batch:
                continue
            if place >= len(self._workers):
                self._workers.append(_Worker(start(self._memory_bytes)))
            self._give(self._workers[place], measures, plan, cells, batch)

    def _give(
        self, worker: _Worker, measures: bytes, plan: Plan, cells: dict[int, bytes], batch: list[Task]
    ) -> None:
        messages = []
        if worker.measures is not measures:
            worker.measures = measures
            worker.has.clear()
            messages.append(measures)
        for cell in dict.fromkeys(cell for cell, _ in batch):
            if cell not in worker.has:
                worker.has.add(cell)
                if cell not in cells:
                    cells[cell] = pickle.dumps(("cell", cell, _pickled(f"cell {cell}", plan.cells[cell])))
                messages.append(cells[cell])
        if not worker.given:
            worker.since_s = time.monotonic()
        worker.given.extend(batch)
        try:
            for message in [*messages, pickle.dumps(("tasks", batch))]:
                worker.started.tasks_to.send_bytes(message)
        except BrokenPipeError:
            pass  # it is dead, which the end of its outcomes says

    def _arrived(self, busy: list[_Worker], again: deque[Task], begun: dict[Task, int]) -> Iterator[Outcome | None]:
        arrived = set(wait([worker.started.outcomes_from for worker in busy], TICK_S))
        if not arrived:
            yield None
        for worker in busy:
            if worker.started.outcomes_from not in arrived:
                if (late := self._late(worker)) is not None:
                    self._bury(worker, again)
                    yield late
                continue
            sent, over = _received(worker.started.outcomes_from)
            if READY in sent:
                worker.ready, worker.since_s, self._failed_starts = True, time.monotonic(), 0
                sent.remove(READY)
            yield from (self._read(worker, each, begun) for each in sent)
            if over:
                yield from self._died(worker, again, begun)

    def _read(self, worker: _Worker, sent: bytes, begun: dict[Task, int]) -> Outcome:
        found: Outcome = pickle.loads(sent)
        task = worker.given.popleft()
        worker.since_s = time.monotonic()
        self._run_s += (max(found.elapsed_s, 1e-5) - self._run_s) / 8
        attempts = begun.pop(task, 0) + 1
        return found if attempts == 1 else replace(found, attempts=attempts)

    def _late(self, worker: _Worker) -> Outcome | None:
        """What becomes of the run that a worker is at for too long."""
        if self._time_limit_s is None or not worker.ready or time.monotonic() - worker.since_s <= self._time_limit_s:
            return None
        worker.started.process.kill()
        cell, seed = worker.given.popleft()
        error = TimeLimit(f"a run may take {self._time_limit_s:g} s of this machine, and this one took longer")
        return Outcome(cell, seed, (), error, elapsed_s=time.monotonic() - worker.since_s)

    def _died(self, worker: _Worker, again: deque[Task], begun: dict[Task, int]) -> Iterator[Outcome]:
        code = worker.started.process.wait()
        if not worker.ready:
            self._failed_starts += 1
            self._bury(worker, again)
            if self._failed_starts >= STARTS:
                raise RuntimeError(f"workers end as they start, with code {code}: {sys.executable} must run simcluster")
            return
        task = worker.given[0]
        attempts = begun.pop(task, 0) + 1
        if attempts < ATTEMPTS:
            begun[task] = attempts
        else:
            worker.given.popleft()
        self._bury(worker, again)
        if attempts == ATTEMPTS:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            error = WorkerDied(f"the process that ran it ended with {how}, {attempts} times")
            yield Outcome(*task, (), error, attempts=attempts)

    def _bury(self, worker: _Worker, again: deque[Task]) -> None:
        """Another takes its place, and what it was given."""
        worker.started.end()
        self._workers.remove(worker)
        again.extendleft(reversed(worker.given))
        worker.given.clear()


def _received(pipe: Connection) -> tuple[list[bytes], bool]:
    """What has come on a pipe, and whether that was the end of it."""
    came: list[bytes] = []
    try:
        while pipe.poll():
            came.append(pipe.recv_bytes())
    except (EOFError, OSError):  # its process is gone, perhaps in the middle of a word
        return came, True
    return came, False


def _pickled(name: str, part: object) -> bytes:
    try:
        pickled: bytes = cloudpickle.dumps(part)
    except Exception as error:  # whatever a class raises that was not made for it
        raise ValueError(f"{name} must be able to go to another process, got {part!r:.80} ({error})") from None
    return pickled
