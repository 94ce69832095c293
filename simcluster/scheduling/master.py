"""The master of a task graph: decides which task runs where, and gets lost work done again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Node
from simcluster.engine import Event
from simcluster.recovery import Watch
from simcluster.scheduling.graph import Output, Task
from simcluster.scheduling.protocols import NodeView, Policy, ReadyTask
from simcluster.scheduling.worker import ORDER_BYTES, fetch

if TYPE_CHECKING:
    import networkx as nx

    from simcluster.scheduling.job import TaskGraphJob


def schedule(
    node: Node,
    *,
    job: TaskGraphJob,
    graph: nx.DiGraph[Any],
    make_policy: Callable[[Sequence[str]], Policy],
    finish: Callable[[dict[str, Output]], None],
) -> Generator[Event, Any, None]:
    """The master's program; ``finish`` is called with the outputs of the tasks that have no successor.

    Orders and reports may be lost: every ``retry_s`` an order without a report is repeated, which also starts it
    again on a worker that has restarted meanwhile. A worker that is silent too long is suspected: what it ran or kept
    is done again elsewhere, until it gives a sign of life. A master that restarts begins anew, or from what the job's
    recovery has kept, and learns from the workers' reports what else is done already.
    """
    keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.master")
    kept = None if keeper is None else (yield from keeper.restore())
    done, holders = kept or (0, ())
    master = _Master(node, job, graph, make_policy([task for task, _ in holders]))
    master.restore(done, holders)
    tick = node.timer(job.retry_s)
    while True:
        wanted = master.wanted()
        if not wanted:
            outputs = yield from master.collect()
            if outputs is not None:
                finish(outputs)
                return
            continue
        master.dispatch(wanted)
        report = node.receive(f"{job.name}.status")
        happened = yield report | tick
        if report in happened:
            before = master.done
            master.hear(happened[report].source, *happened[report].body)
            if keeper is not None and before < master.done:
                yield from keeper.after_step(master.done, master.state)
        if tick in happened:
            master.check()
            tick = node.timer(job.retry_s)


class _Master:
    """What the master knows: who keeps which output, which task is placed where, and who is suspected."""

    def __init__(self, node: Node, job: TaskGraphJob, graph: nx.DiGraph[Any], policy: Policy) -> None:
        import networkx as nx

        self._node = node
        self._job = job
        self._graph = graph
        self._policy = policy
        now_s = node.env.now
        self._backwards = list(nx.topological_sort(graph))[::-1]
        self._place = {task: place for place, task in enumerate(graph)}
        self._holders: dict[str, str] = {}
        self._placed: dict[str, str] = {}
        self._placed_s: dict[str, float] = {}
        self._on: dict[str, dict[str, None]] = {worker: {} for worker in job.workers}  # what is placed there, in order
        self._views: dict[str, NodeView] = {}  # of the workers about which nothing is new
        self._ready: dict[str, ReadyTask] = {}
        self._wanted: dict[str, None] = {}
        self._phases = job.execution.phases(graph)
        self._left: Counter[int] = Counter()  # how many of the wanted tasks are of each phase, where there are several
        self._changed: set[str] | None = None  # tasks that may be ready since; None: look at all
        self._dispatched: set[str] = set()
        self.done = 0  # how many tasks were done, those that were done again too
        self._record_suspect = node.cluster.trace.recorder("suspect", "node", "suspected")
        self._watch = Watch(job.silence, job.workers, now_s, self._suspect)
        self._idle_since_s = dict.fromkeys(job.workers, now_s)
        self._record = node.cluster.trace.recorder("task_dispatch", "task", "node")

    # What survives its crash

    def state(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        """How many tasks were done, and who keeps which output."""
        return self.done, tuple(self._holders.items())

    def restore(self, done: int, holders: Sequence[tuple[str, str]]) -> None:
        """Go on from what was kept."""
        self.done = done
        self._holders.update(holders)
        self._dispatched.update(self._holders)

    # What it decides

    def wanted(self) -> dict[str, None]:
        """The tasks that must still be done: the last ones, and what they take, as far as nobody keeps it.

        As long as no output is lost these are the tasks that are not done, so that a report changes one of them.
        """
        if self._changed is None:
            self._wanted = self._search()
            self._left = Counter(self._phases.get(task, 0) for task in self._wanted) if self._phases else self._left
        return self._wanted

    def _search(self) -> dict[str, None]:
        found: dict[str, None] = {}
        for task in self._backwards:
            if task in self._holders:
                continue
            after = self._graph.adj[task]
            if not after or any(later in found and later not in self._placed for later in after):
                found[task] = None
        return found

    def dispatch(self, wanted: Mapping[str, None]) -> None:
        """Place those of the ``wanted`` tasks that are ready on nodes, until the policy waits."""
        if self._changed is None:
            ready = {task: None for task in self._graph if task in wanted and self._can_start(task)}
            kept = [task for task in self._ready if task in ready]
            self._ready = {task: self._task_view(task) for task in dict.fromkeys([*kept, *ready])}
            if len(wanted) + len(self._holders) == len(self._graph):
                self._changed = set()  # nothing that was done is lost
        else:
            for task in sorted(self._changed, key=self._place.__getitem__):
                if task in wanted and task not in self._ready and self._can_start(task):
                    self._ready[task] = self._task_view(task)
            self._changed.clear()
        while self._ready:
            offered, there = self._offered()
            choice = self._policy(offered, there) if offered else None
            if choice is None:
                return
            if not isinstance(choice, tuple) or len(choice) != 2 or choice[0] not in self._ready:
                raise ValueError(f"policy must return a ready task and a node, or None to wait, got {choice!r}")
            task, worker = choice
            if worker not in [view.name for view in there]:
                raise ValueError(f"policy must return one of the nodes that are up, got {worker!r} for {task!r}")
            if not self._on[worker]:
                self._watch.hear(worker, self._node.env.now)
            del self._ready[task]
            self._placed[task], self._placed_s[task] = worker, self._node.env.now
            self._on[worker][task] = None
            self._views.pop(worker, None)
            self._dispatched.add(task)
            self._record(task, worker)
            self._order(worker, [task])

    def _offered(self) -> tuple[Sequence[ReadyTask], Sequence[NodeView]]:
        """What the policy may choose from, by the job's execution."""
        ready = list(self._ready.values())
        if self._left:
            phase = min(self._left)
            ready = [task for task in ready if self._phases.get(task.name, 0) == phase]
        return self._job.execution.narrow(ready, self._node_views(), len(self._placed))

    def collect(self) -> Generator[Event, Any, dict[str, Output] | None]:
        """The outputs of the last tasks, or ``None`` when one has been lost meanwhile."""
        outputs: dict[str, Output] = {}
        for task in self._graph:
            if self._graph.adj[task]:
                continue
            holder = self._holders[task]
            held, output = yield from fetch(self._node, self._job, holder, task, "")
            if not held:
                self._forget(task, holder)
                return None
            outputs[task] = output
        return outputs

    # What it learns

    def hear(self, worker: str, task: str, state: str, lost: tuple[str, str] | None) -> None:
        """Take a worker's report. It may come late or twice, or speak of an order from before a restart."""
        self._watch.hear(worker, self._node.env.now)
        if state == "done" and task in self._dispatched and task not in self._holders:
            self._holders[task] = worker
            self.done += 1
            self._ready.pop(task, None)
            if self._changed is not None:
                self._strike(task)
                self._changed.update(self._graph.adj[task])
        if state in ("done", "waiting") and self._placed.get(task) == worker:
            self._release(task)
        if lost is not None:
            self._forget(*lost)

    def _strike(self, task: str) -> None:
        """The task is wanted no more."""
        if task in self._wanted and self._phases:
            phase = self._phases.get(task, 0)
            self._left[phase] -= 1
            self._left += Counter()  # without phases of which nothing is left
        self._wanted.pop(task, None)

    def check(self) -> None:
        """Repeat the orders that have had no report for a while, and suspect the workers that are silent."""
        now_s, suspected = self._node.env.now, self._watch.suspected
        for worker in self._job.workers:
            if suspected[worker]:
                self._node.send(worker, f"{self._job.name}.ping", size_bytes=ORDER_BYTES)
                continue
            if self._on[worker]:
                self._watch.look(now_s, (worker,))
            if not suspected[worker] and self._watch.silent_s(worker, now_s) >= self._job.retry_s / 2:
                overdue_s = now_s - self._job.retry_s / 2
                self._order(worker, [task for task in self._on[worker] if self._placed_s[task] <= overdue_s])

    def _suspect(self, worker: str, suspected: bool) -> None:
        self._record_suspect(worker, suspected)
        if suspected:
            for task in list(self._on[worker]):
                self._release(task)
            self._holders = {task: holder for task, holder in self._holders.items() if holder != worker}
            self._changed = None

    def _forget(self, task: str, holder: str) -> None:
        if self._holders.get(task) == holder:
            del self._holders[task]
            self._changed = None

    def _release(self, task: str) -> None:
        del self._placed_s[task]
        worker = self._placed.pop(task)
        del self._on[worker][task]
        self._views.pop(worker, None)
        self._idle_since_s[worker] = self._node.env.now
        if self._changed is not None:
            self._changed.add(task)

    # What it says and sees

    def _order(self, worker: str, tasks: list[str]) -> None:
        if tasks:
            orders = [
                (task, tuple(self._holders.get(before, "") for before in self._graph.pred[task])) for task in tasks
            ]
            self._node.send(worker, f"{self._job.name}.run", orders, size_bytes=ORDER_BYTES * len(orders))

    def _can_start(self, task: str) -> bool:
        return task not in self._placed and all(before in self._holders for before in self._graph.pred[task])

    def _task_view(self, name: str) -> ReadyTask:
        task: Task = self._graph.nodes[name]["task"]
        return ReadyTask(name, task.cost, task.priority)

    def _node_views(self) -> list[NodeView]:
        return [self._node_view(name) for name in self._job.workers if not self._watch.suspected[name]]

    def _node_view(self, name: str) -> NodeView:
        view = self._views.get(name)
        if view is None:
            spec = self._node.cluster[name].spec
            placed = [self._graph.nodes[task]["task"].cost for task in self._on[name]]
            view = self._views[name] = NodeView(
                name=name,
                cores=spec.cores,
                idle=max(0, spec.cores - len(placed)),
                idle_since_s=self._idle_since_s[name],
                backlog_s=math.fsum(spec.seconds(cost) for cost in placed) / (spec.cores * spec.speed),
                flops_per_s=spec.flops_per_s * spec.speed,
                memory_bytes_per_s=spec.memory_bytes_per_s * spec.speed,
            )
        return view
