"""Work stealing: whoever has nothing to do asks somebody at random for something."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import model_validator

from simcluster.cluster import Message
from simcluster.engine import Period, Program, Spec
from simcluster.scheduling.decentralised.ledger import OVER, Ledger
from simcluster.scheduling.decentralised.protocols import Spawn, Takes
from simcluster.scheduling.decentralised.worker import Worker
from simcluster.scheduling.fetches import ORDER_BYTES


class WorkStealing(Spec):
    """Tasks are spawned where the last of their predecessors ran; an idle worker steals from a random one.

    A worker takes the newest of its own tasks, and is robbed of the oldest. The first tasks of all begin on the first
    worker. A steal is a request and a reply, and as many are under way as there are idle workers; nothing else is said
    for a task than that it is done, and what follows from that when not all that the next one takes lies with one
    worker. On P alike workers with T₁ seconds of work and a longest way of T∞ it ends after an expected
    T₁ / P + O(T∞), whose constant counts what a steal, a pause and a report take.

    Source: R. D. Blumofe, C. E. Leiserson, "Scheduling multithreaded computations by work stealing", Journal of the
    ACM 46(5), 1999; half of the tasks: D. Hendler, N. Shavit, "Non-blocking steal-half work queues", PODC 2002.
    """

    kind: Literal["work_stealing"] = "work_stealing"
    share: Literal["one", "half"] = "one"
    """How much is stolen: the oldest task, or the older half of them."""
    pause_s: Period = 0.001
    """How long a thief waits that has found nothing, and twice as long each time that it finds nothing again."""
    pause_most_s: Period = 0.1
    """The longest that it waits, however often."""

    @model_validator(mode="after")
    def _pauses_grow(self) -> WorkStealing:
        if self.pause_most_s < self.pause_s:
            rule = "pause_most_s must be at least pause_s"
            raise ValueError(f"{rule}, got {self.pause_most_s} below {self.pause_s}")
        return self

    def at_ledger(self, ledger: Ledger) -> _Root:
        """Where what nobody has spawned is handed out."""
        return _Root(ledger)

    def at_worker(self, worker: Worker) -> _Thief:
        """The tasks of a worker, and its thief."""
        return _Thief(self, worker)


class _Root:
    """Gives what follows a report to who reports, and the rest to the first worker."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.takes: Takes = {}

    def place(self, tasks: Sequence[str], reporter: str | None) -> Sequence[str]:
        """All go to the reporter."""
        if reporter is None and tasks:
            self._ledger.send(self._ledger.workers[0], tasks)
        return () if reporter is None else tasks

    def stand_in(self, task: str) -> None:
        """Somebody has it."""

    def forget(self, task: str) -> None:
        """It is handed out at once, or never."""


class _Thief:
    """A worker's tasks, the newest last, and a process that steals while there are none."""

    spawns = True

    def __init__(self, rule: WorkStealing, worker: Worker) -> None:
        self._rule, self._worker = rule, worker
        self._tasks: deque[Spawn] = deque()
        self._names: set[str] = set()
        self._others = [name for name in worker.job.workers if name != worker.node.name]
        self._given: dict[str, tuple[Any, list[Spawn]]] = {}  # to each thief by its last request
        self._steals = False
        self._record = worker.node.cluster.trace.recorder("steal", "node", "victim", "tasks")
        self.takes: Takes = {"steal": self._give}

    def spawned(self, orders: Sequence[Spawn]) -> None:
        """They are the newest."""
        self._tasks.extend(orders)
        self._names.update(order.task for order in orders)

    def idle(self) -> None:
        """Take the newest, or send the thief."""
        while self._worker.idle_cores and self._tasks:
            order = self._tasks.pop()
            self._names.discard(order.task)
            self._worker.start(order)
        if self._worker.idle_cores and self._others and not self._steals and not self._worker.over:
            self._steals = True
            self._worker.node.spawn(self._steal())

    def holds(self, task: str) -> bool:
        """Whether it is among the tasks that wait."""
        return task in self._names

    def expects(self, stand_in: int) -> bool:
        """Nothing stands for a task."""
        return False

    def _steal(self) -> Program:
        worker, pause_s = self._worker, self._rule.pause_s
        while worker.idle_cores and not worker.over:
            victim = self._others[int(worker.generator.integers(len(self._others)))]
            orders = yield from worker.ask(victim, "steal", attempts=worker.job.attempts)
            if orders:
                self._record(worker.node.name, victim, len(orders))
                worker.spawned(orders)
                pause_s = self._rule.pause_s
            elif worker.idle_cores:
                yield worker.node.timer(pause_s)
                pause_s = min(2 * pause_s, self._rule.pause_most_s)
        self._steals = False

    def _give(self, message: Message) -> None:
        if self._worker.over:
            self._worker.node.reply(message, OVER, size_bytes=ORDER_BYTES)
            return
        asked, orders = self._given.get(message.source, (None, []))
        if asked != message.request_id or asked is None:
            count = min(1, len(self._tasks)) if self._rule.share == "one" else (len(self._tasks) + 1) // 2
            orders = [self._tasks.popleft() for _ in range(count)]
            self._names.difference_update(order.task for order in orders)
            self._given[message.source] = message.request_id, orders
        self._worker.node.reply(message, orders, size_bytes=ORDER_BYTES * max(1, len(orders)))
