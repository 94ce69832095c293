"""Sparrow: tasks go to the less loaded of a few workers that are asked at random."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any, Literal

from simcluster.cluster import Message
from simcluster.engine import Count, Program, Spec, stream
from simcluster.scheduling.decentralised.ledger import Ledger
from simcluster.scheduling.decentralised.protocols import Spawn, Takes
from simcluster.scheduling.decentralised.worker import Worker
from simcluster.scheduling.fetches import ORDER_BYTES


class Sparrow(Spec):
    """Tasks that may begin at once are a batch; ``probes`` workers for each of them are drawn and asked.

    Where tasks are bound late, a probe leaves a reservation in the worker's queue, which asks for a task when it comes
    to a core; there is one for as many as the batch has. Otherwise a probe asks how many tasks a worker has, and
    each goes to the one of the fewest, those of the batch counted. A worker does what is in its queue in order.
    ``per_task`` makes a batch of each task by itself. Of a task are said two messages for each probe (three or four
    for a reservation and its task), one that brings it where it is bound early, and two that it is done.

    Source: K. Ousterhout, P. Wendell, M. Zaharia, I. Stoica, "Sparrow: distributed, low latency scheduling", SOSP 2013.
    """

    kind: Literal["sparrow"] = "sparrow"
    probes: Count = 2
    """How many workers are asked for each task, but none twice before all have been asked."""
    sampling: Literal["batch", "per_task"] = "batch"
    """Whether the workers that are asked are those of all tasks of a batch, or of one task each."""
    late_binding: bool = True
    """Whether a worker gets a task only when it has a core for it."""

    def at_ledger(self, ledger: Ledger) -> _Sampler:
        """The scheduler, which knows of workers' loads what they reply."""
        return _Sampler(self, ledger)

    def at_worker(self, worker: Worker) -> _Queue:
        """A worker's queue."""
        return _Queue(worker)


class _Sampler:
    """Batches of which tasks are left, and the draws."""

    def __init__(self, rule: Sparrow, ledger: Ledger) -> None:
        self._rule, self._ledger = rule, ledger
        self._generator = stream(ledger.seed, ledger.job.name, "probes", ledger.boot)
        self._left: dict[int, dict[str, None]] = {}
        self._batch_of: dict[str, int] = {}
        self._asked: dict[tuple[str, Any], list[Spawn]] = {}
        self._numbers = count(ledger.boot << 32)  # those of a ledger that ran before are others
        self.takes: Takes = {"get": self._get}

    def place(self, tasks: Sequence[str], reporter: str | None) -> Sequence[str]:
        """Each batch asks its workers."""
        batches = [tasks] if self._rule.sampling == "batch" else [[task] for task in tasks]
        for batch in batches:
            if batch:
                self._probe(batch)
        return ()

    def stand_in(self, task: str) -> int | None:
        """Its batch, as long as it is not bound."""
        return self._batch_of.get(task)

    def forget(self, task: str) -> None:
        """It is left to its batch no more."""
        batch = self._batch_of.pop(task, None)
        if batch is not None:
            del self._left[batch][task]
            if not self._left[batch]:
                del self._left[batch]

    def _probe(self, tasks: Sequence[str]) -> None:
        ledger, node = self._ledger, self._ledger.node
        workers = self._draw(self._rule.probes * len(tasks))
        if not self._rule.late_binding:
            node.spawn(self._bind(tasks, dict.fromkeys(workers)))
            return
        batch = next(self._numbers)
        self._left[batch] = dict.fromkeys(tasks)
        self._batch_of.update(dict.fromkeys(tasks, batch))
        for worker in workers:
            node.send(worker, f"{ledger.job.name}.reserve", batch, size_bytes=ORDER_BYTES)

    def _draw(self, wanted: int) -> list[str]:
        workers = self._ledger.workers
        drawn: list[str] = []
        while len(drawn) < wanted:
            order = self._generator.permutation(len(workers))[: wanted - len(drawn)]
            drawn += [workers[place] for place in order.tolist()]
        return drawn

    def _bind(self, tasks: Sequence[str], workers: dict[str, None]) -> Program:
        """Ask all, and send each task to the one with the fewest; who does not reply gets none."""
        ledger = self._ledger
        asked = {worker: ledger.node.spawn(ledger.ask(worker, "load")) for worker in workers}
        loads = {}
        for worker, load in asked.items():
            found = yield load
            if found is not None:
                loads[worker] = found
        for task in tasks:
            if loads and ledger.under_way(task):
                least = min(loads, key=loads.__getitem__)
                loads[least] += 1
                ledger.send(least, [task])

    def _get(self, message: Message) -> None:
        """A reservation has come to a core: one of the tasks that are left, if any is."""
        asked = message.source, message.request_id
        if asked not in self._asked:
            left = self._left.get(message.body)
            task = next(iter(left), None) if left else None
            self._asked[asked] = []
            if task is not None:
                self.forget(task)
                self._asked[asked] = [self._ledger.order(task)]
        self._ledger.node.reply(message, self._asked[asked], size_bytes=ORDER_BYTES)


class _Queue:
    """Tasks, and batches of which one is reserved, first come first served."""

    spawns = False

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._queue: deque[Spawn | int] = deque()
        self._names: set[str] = set()  # of the tasks
        self._reserved: dict[int, int] = {}  # of each batch so many, also those that ask just now
        self.takes: Takes = {"reserve": self._reserve, "load": self._load}

    def spawned(self, orders: Sequence[Spawn]) -> None:
        """They come last."""
        self._queue.extend(orders)
        self._names.update(order.task for order in orders)

    def idle(self) -> None:
        """Let what is first have a core."""
        worker = self._worker
        while worker.idle_cores and self._queue:
            first = self._queue.popleft()
            if isinstance(first, Spawn):
                self._names.discard(first.task)
                worker.start(first)
            else:
                worker.idle_cores -= 1
                worker.node.spawn(self._ask(first))

    def holds(self, task: str) -> bool:
        """Whether it waits."""
        return task in self._names

    def expects(self, stand_in: int) -> bool:
        """Whether one of that batch is reserved."""
        return stand_in in self._reserved

    def _reserve(self, message: Message) -> None:
        batch = message.body
        self._queue.append(batch)
        self._reserved[batch] = self._reserved.get(batch, 0) + 1
        self.idle()

    def _ask(self, batch: int) -> Program:
        """The core waits for the reply."""
        worker = self._worker
        orders = yield from worker.ask(worker.job.master, "get", batch, attempts=worker.job.attempts)
        self._reserved[batch] -= 1
        if not self._reserved[batch]:
            del self._reserved[batch]
        worker.idle_cores += 1
        for order in (Spawn(*each) for each in orders or ()):
            if not worker.has(order.task):
                worker.start(order)
        self.idle()

    def _load(self, message: Message) -> None:
        load = len(self._queue) + self._worker.running
        self._worker.node.reply(message, load, size_bytes=ORDER_BYTES)
