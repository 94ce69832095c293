"""The master of a task graph: does what its policy decides, and gets lost work done again."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

from simcluster.cluster import Node
from simcluster.engine import Event
from simcluster.recovery import Watch
from simcluster.scheduling.announcements import Announcements
from simcluster.scheduling.attempts import Attempt, Attempts
from simcluster.scheduling.fetches import ORDER_BYTES, collect
from simcluster.scheduling.graph import Output, Task
from simcluster.scheduling.lineage import Lineage
from simcluster.scheduling.protocols import Gang, Preempt, Speculate, Wait, Watcher
from simcluster.scheduling.transfers import PATIENCE, Transfers

if TYPE_CHECKING:
    import networkx as nx

    from simcluster.scheduling.job import TaskGraphJob


class Ends(NamedTuple):
    """What a master calls when the job is over.

    ``finish`` takes the outputs of the tasks that have no successor; ``give_up`` a task that was lost more often than
    the job allows, how often, how many tasks are done then, and how many there are.
    """

    finish: Callable[[dict[str, Output]], None]
    give_up: Callable[[str, int, int, int], None]


def schedule(
    node: Node,
    *,
    job: TaskGraphJob,
    graph: nx.DiGraph[Any],
    tasks: Mapping[str, Task],
    make_watcher: Callable[[Sequence[str]], Watcher],
    numbers: Iterator[int],
    ends: Ends,
) -> Generator[Event, Any, None]:
    """The master's program.

    Orders and reports may be lost: every ``retry_s`` an order without a report is repeated, which also starts it
    again on a worker that has restarted meanwhile. A worker that is silent too long is suspected: what it ran or kept
    is done again elsewhere, until it gives a sign of life. A master that restarts begins anew, or from what the job's
    recovery has kept, and learns from the workers' reports what else is done already.
    """
    keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.master")
    kept = None if keeper is None else (yield from keeper.restore())
    done, holders = kept or (0, ())
    watcher = make_watcher([task for task, _ in holders])
    master = _Master(node, job, graph, tasks, watcher, numbers, done, holders)
    status = f"{job.name}.status"
    tick, alarm, alarm_s = node.timer(job.retry_s), None, 0.0
    while True:
        if not master.lineage:
            outputs = yield from master.collect()
            if outputs is not None:
                ends.finish(outputs)
                return
            continue
        until_s = master.dispatch()
        if master.given_up is not None:
            ends.give_up(*master.given_up)
            return
        report = node.receive(status)
        if until_s is not None and (alarm is None or until_s < alarm_s):
            alarm, alarm_s = node.timer(max(0.0, until_s - node.env.now)), until_s
        yield report | tick if alarm is None else report | tick | alarm
        if alarm is not None and alarm.processed:
            alarm = None
        if report.processed:
            before = master.done
            message: Any = report.value
            master.hear(message.source, *message.body)
            if keeper is not None and before < master.done:
                yield from keeper.after_step(master.done, master.state)
        if tick.processed:
            master.check()
            tick = node.timer(job.retry_s)


class _Master:
    """What the master knows: who keeps which output, which task was sent where, and who is suspected."""

    def __init__(
        self,
        node: Node,
        job: TaskGraphJob,
        graph: nx.DiGraph[Any],
        tasks: Mapping[str, Task],
        watcher: Watcher,
        numbers: Iterator[int],
        done: int,
        holders: Sequence[tuple[str, str]],
    ) -> None:
        self._node, self._job, self._numbers, self._watcher = node, job, numbers, watcher
        self._run_kind = f"{job.name}.run"
        self._since = next(numbers)  # what a master sent that ran before has a lower number
        self.done = done  # how many tasks were done, those that were done again too
        self.given_up: tuple[str, int, int, int] | None = None
        self._tasks = tasks
        self._gangs: dict[str, list[str]] = {}
        for name, task in tasks.items():
            if task.gang:
                self._gangs.setdefault(task.gang, []).append(name)
        phases = job.execution.phases(graph)
        self.lineage = Lineage(graph, phases, holders)
        self._attempts = Attempts(self._tasks, [node.cluster[worker].spec for worker in job.workers], node.env.now)
        self._announced = Announcements(graph, tasks, phases, self.lineage, self._gangs, watcher)
        self._transfers = Transfers(graph.pred, node.cluster.network.expected_s)
        self._gave_s: dict[str, float] = {}  # until when each is about to speak, after what it gave that came
        self._sizes: dict[str, float] = {}  # of the last outputs, in bytes
        self._failures: dict[str, int] = {}  # how often each was lost with its node
        self._boots: dict[str, int] = {}  # of each worker, how often it had started anew when it was last heard
        self._cancels: dict[str, dict[str, int]] = {worker: {} for worker in job.workers}  # not confirmed yet
        self._place = {worker: place for place, worker in enumerate(job.workers)}
        self._news: dict[str, None] = dict.fromkeys(job.workers)  # whose view has changed
        self._busy: dict[str, None] = {}  # who has been sent something, or is suspected
        trace = node.cluster.trace
        self._record_suspect = trace.recorder("suspect", "node", "suspected")
        self._record = trace.recorder("task_dispatch", "task", "node")
        self._record_preempt = trace.recorder("task_preempt", "task", "node")
        self._record_speculate = trace.recorder("task_speculate", "task", "node")
        self._watch = Watch(job.silence, job.workers, node.env.now, self._suspect)

    def state(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        """What survives its crash: how many tasks were done, and who keeps which output."""
        return self.done, tuple(self.lineage.holders.items())

    # What it decides

    def dispatch(self) -> float | None:
        """Do what the policy decides until it waits; by when to ask it again at the latest, if there is such a time."""
        now_s, until_s, tell, decide = self._node.env.now, None, self._announced.tell, self._watcher.decide
        started: dict[str, None] = {}
        while self.given_up is None:
            tell(now_s)
            if self._news:
                self._tell_of_nodes()
            decision: Any = decide(now_s)
            if decision is None:
                break
            if isinstance(decision, tuple) and len(decision) == 2:
                task, worker = decision
                self._start(task, worker, now_s, decision)
                started[task] = None
            elif type(decision) is Wait:
                until_s = decision.until_s
                if not (isinstance(until_s, Real) and until_s > now_s):
                    raise ValueError(f"policy must wait for a time after {now_s} s, got {until_s}")
                break
            else:
                self._do(decision, started, now_s)
        release_s = self._announced.next_release_s
        return release_s if until_s is None or (release_s is not None and release_s < until_s) else until_s

    def _tell_of_nodes(self) -> None:
        news = sorted(self._news, key=self._place.__getitem__) if len(self._news) > 1 else tuple(self._news)
        self._news.clear()
        for worker in news:
            if not self._watch.suspected[worker]:
                self._watcher.node_changed(self._attempts.view(worker))

    def _do(self, decision: Any, started: dict[str, None], now_s: float) -> None:
        """What is decided more seldom than to start one task."""
        if type(decision) is Gang:
            if not decision.starts:
                raise ValueError(f"policy must start at least one task with a gang, got {decision!r}")
            for task, worker in decision.starts:
                self._start(task, worker, now_s, decision)
                started[task] = None
        elif type(decision) is Preempt:
            if decision.task in started:
                raise ValueError(f"policy must not preempt a task that it has just started, got {decision!r}")
            self._preempt(decision)
        elif type(decision) is Speculate:
            self._speculate(decision, now_s)
        else:
            raise ValueError(f"policy must return a ready task and a node, or None to wait, got {decision!r}")

    def _start(self, task: str, worker: str, now_s: float, decision: object) -> None:
        view = self._announced.ready.get(task) if isinstance(task, Hashable) else None
        if view is None:
            raise ValueError(f"policy must return a ready task and a node, or None to wait, got {decision!r}")
        self._require_up(task, worker)
        self._announced.start(view)
        self.lineage.begin(task)
        self._place_on(task, worker, now_s)
        self._watcher.task_started(view, worker, now_s)

    def _speculate(self, decision: Speculate, now_s: float) -> None:
        task, worker = decision.task, decision.node
        under_way = self._attempts.of(task)
        if not under_way or worker in [each.node for each in under_way] or self._tasks[task].gang:
            rule = "policy must copy a task that is under way, of no gang, to a node where it is not"
            raise ValueError(f"{rule}, got {decision!r}")
        self._require_up(task, worker)
        self._record_speculate(task, worker)
        self._place_on(task, worker, now_s)
        self._watcher.task_started(self._announced.view(task), worker, now_s)

    def _preempt(self, decision: Preempt) -> None:
        if not self._attempts.of(decision.task):
            raise ValueError(f"policy must preempt a task that is under way, got {decision!r}")
        for task in self._gangs.get(self._tasks[decision.task].gang, [decision.task]):
            for attempt in list(self._attempts.of(task)):
                self._record_preempt(task, attempt.node)
                self._cancel(attempt)
                self._stop(attempt, "preempted")

    def _require_up(self, task: str, worker: str) -> None:
        if self._watch.suspected.get(worker, True):
            raise ValueError(f"policy must return one of the nodes that are up, got {worker!r} for {task!r}")
        if not self._attempts.could_fit(self._tasks[task], worker):
            rule = "policy must return a node that has the cores and the memory of the task"
            raise ValueError(f"{rule}, got {worker!r} for {task!r}")

    def _place_on(self, task: str, worker: str, now_s: float) -> None:
        if not self._attempts.on(worker):
            self._watch.hear(worker, now_s)
        attempt = Attempt(task, worker, next(self._numbers), now_s)
        self._attempts.add(attempt)
        self._news[worker] = self._busy[worker] = None
        self._record(task, worker)
        if task in self.lineage.before:
            self._transfers.begin(attempt.number, task, worker, self._holders_of(task))
            self._order(worker, [task])
        else:
            body = self._since, self._watcher.progress_s, task, attempt.number
            self._node.send(worker, self._run_kind, body, size_bytes=ORDER_BYTES)

    def collect(self) -> Generator[Event, Any, dict[str, Output] | None]:
        """The outputs of the last tasks, or ``None`` when one has been lost meanwhile."""
        return collect(self._node, self._job, self.lineage, self._sizes)

    # What it learns

    def hear(self, worker: str, task: str, state: str, number: int, boots: int, more: Any) -> None:
        """Take a worker's report. It may come late or twice, or speak of an order from before a restart."""
        now_s = self._node.env.now
        self._watch.hear(worker, now_s)
        if self._boots.get(worker) != boots:
            self._note_boots(worker, boots)
        attempt = self._attempts.on(worker).get(task)
        if state == "done":
            self._note_done(worker, task, attempt, more)
        elif state == "progress":
            for each, share in more:
                if each in self._attempts.on(worker):
                    self._watcher.task_progressed(each, worker, share, now_s)
        elif state == "waiting":
            if attempt is not None and attempt.number == number:
                self._lose(attempt)
            self.lineage.lose(*more)
        elif state == "cancelled":
            if self._cancels[worker].get(task) == number:
                del self._cancels[worker][task]
            if attempt is not None and attempt.number == number:
                self._lose(attempt)
        elif state == "in place" and attempt is not None and attempt.number == number:
            self._note_in_place(attempt)

    def _note_done(self, worker: str, task: str, attempt: Attempt | None, size_bytes: float) -> None:
        new = task in self._announced.begun and task not in self.lineage.holders
        if new:
            self.lineage.keep(task, worker)
            self._sizes[task] = size_bytes
            self.done += 1
        if attempt is not None:
            self._stop(attempt, "done")
        if new:
            for other in list(self._attempts.of(task)):
                self._cancel(other)
                self._stop(other, "cancelled")

    def _note_in_place(self, attempt: Attempt) -> None:
        """The tasks of a gang that are still to be done begin when all of them are in place."""
        attempt.in_place = True
        if attempt.released:  # it has not heard of that, or asks twice
            self._release(attempt)
            return
        waiting: list[Attempt] = []
        for task in self._gangs[self._tasks[attempt.task].gang]:
            if self.lineage.is_wanted(task):
                of = self._attempts.of(task)
                if not of or not of[0].in_place:
                    return
                waiting += of
        for each in waiting:
            self._release(each)

    def _release(self, attempt: Attempt) -> None:
        attempt.released = True
        body = attempt.task, attempt.number
        self._node.send(attempt.node, f"{self._job.name}.go", body, size_bytes=ORDER_BYTES)

    def _note_boots(self, worker: str, boots: int) -> None:
        """A worker that has started anew has lost what it had been sent; the order is repeated, or was already."""
        known = self._boots.get(worker)
        self._boots[worker] = boots
        if known is None:
            return
        for attempt in list(self._attempts.on(worker).values()):
            self._count_failure(attempt.task)
            if self._tasks[attempt.task].gang and attempt in self._attempts.of(attempt.task):
                self._cancel(attempt)
                self._lose(attempt)

    def _count_failure(self, task: str) -> None:
        self._failures[task] = failures = self._failures.get(task, 0) + 1
        if self._job.retries is not None and failures > self._job.retries and self.given_up is None:
            self.given_up = task, failures, len(self.lineage.holders), len(self._tasks)

    def check(self) -> None:
        """Repeat the orders that have had no report for a while, and suspect the workers that are silent."""
        now_s, suspected, half_s = self._node.env.now, self._watch.suspected, self._job.retry_s / 2
        for worker in sorted(self._busy, key=self._place.__getitem__):
            attempts = self._attempts.on(worker)
            if suspected[worker]:
                self._node.send(worker, f"{self._job.name}.ping", size_bytes=ORDER_BYTES)
                continue
            if not attempts and not self._cancels[worker]:
                del self._busy[worker]
                continue
            if attempts:  # what it says waits behind what it gives and gave, and is no silence
                silent_s = min(self._watch.silent_s(worker, now_s), now_s - self._gave_s.get(worker, -math.inf))
                if silent_s > PATIENCE * self._transfers.load_s(worker):
                    self._watch.look(now_s, (worker,))
            if suspected[worker]:
                continue
            for task, number in self._cancels[worker].items():
                self._node.send(worker, f"{self._job.name}.cancel", (task, number), size_bytes=ORDER_BYTES)
            late = [task for task, each in attempts.items() if each.since_s <= now_s - half_s]
            if late and self._watch.silent_s(worker, now_s) >= half_s:
                self._order(worker, late)

    def _suspect(self, worker: str, suspected: bool) -> None:
        self._record_suspect(worker, suspected)
        if not suspected:
            self._news[worker] = None
            return
        self._busy[worker] = None
        for attempt in list(self._attempts.on(worker).values()):
            self._count_failure(attempt.task)
            if self._tasks[attempt.task].gang:
                self._cancels[worker][attempt.task] = attempt.number  # it would wait there for the others for ever
            if attempt in self._attempts.of(attempt.task):  # it is not, after another of its gang on this node
                self._lose(attempt)
        self.lineage.lose_all(worker)
        self._watcher.node_gone(worker)

    def _lose(self, attempt: Attempt) -> None:
        """A task is lost where it was; of a gang the others are given up, for they begin together or not at all."""
        self._stop(attempt, "lost")
        if gang := self._tasks[attempt.task].gang:
            for task in self._gangs[gang]:
                for other in list(self._attempts.of(task)):
                    self._cancel(other)
                    self._stop(other, "cancelled")

    def _stop(self, attempt: Attempt, why: str) -> None:
        now_s = self._node.env.now
        if self._attempts.remove(attempt, now_s):
            self.lineage.stop(attempt.task)
        if attempt.task in self.lineage.before:
            nodes = self._transfers.end(attempt.number)
            self._gave_s.update(dict.fromkeys(nodes if why == "done" else (), now_s + self._job.retry_s))
        self._news[attempt.node] = None
        self._watcher.task_stopped(attempt.task, attempt.node, why, now_s)

    # What it says

    def _order(self, worker: str, tasks: list[str]) -> None:
        attempts, before = self._attempts.on(worker), self.lineage.before
        body: list[Any] = [self._since, self._watcher.progress_s]  # flat, which is sent fastest
        for task in tasks:
            body += task, attempts[task].number
            if task in before:
                holders = self._holders_of(task)
                body += self._transfers.wait_s(worker, holders), *holders
        self._node.send(worker, self._run_kind, tuple(body), size_bytes=ORDER_BYTES * len(tasks))

    def _holders_of(self, task: str) -> list[str]:
        return [self.lineage.holders.get(each, "") for each in self.lineage.before[task]]

    def _cancel(self, attempt: Attempt) -> None:
        """Tell a worker to give a task up, until it says that it has."""
        self._cancels[attempt.node][attempt.task] = attempt.number
        self._busy[attempt.node] = None
        if not self._watch.suspected[attempt.node]:
            body = attempt.task, attempt.number
            self._node.send(attempt.node, f"{self._job.name}.cancel", body, size_bytes=ORDER_BYTES)
