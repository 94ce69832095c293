"""The worker of a task graph: fetches what a task takes, computes it, keeps the output and reports."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.cluster.messages.message import freeze
from simcluster.engine import Event, Program
from simcluster.recovery import ask
from simcluster.scheduling.graph import Output, Task

if TYPE_CHECKING:
    import networkx as nx

    from simcluster.scheduling.job import TaskGraphJob

ORDER_BYTES = 128
"""What an order or a report weighs beside the header: a task's name and a few nodes' names."""


def work(node: Node, *, job: TaskGraphJob, graph: nx.DiGraph[Any]) -> Generator[Event, Any, None]:
    """A worker's program. It takes three kinds of message and may get any of them twice.

    "run" carries orders (task, holders): a task whose predecessors' outputs lie on ``holders``, empty where nobody is
    known to keep one. It is started unless it runs or is done already, which a "status" then says. "output" (task,
    part) asks for a part of an output, or for all of it when ``part`` is empty. "ping" asks for a sign of life.
    """
    worker = _Worker(node, job, graph)
    yield from worker.restore()
    run, output, ping = (f"{job.name}.{kind}" for kind in ("run", "output", "ping"))
    while True:
        message = yield node.receive(run, output, ping)
        if message.kind == output:
            worker.give(message)
        elif message.kind == ping:
            worker.report("", "alive")
        else:
            worker.obey(message.body)


class _Worker:
    """What a worker remembers: the tasks that it runs and the outputs that it keeps."""

    def __init__(self, node: Node, job: TaskGraphJob, graph: nx.DiGraph[Any]) -> None:
        self._node = node
        self._job = job
        self._graph = graph
        self._cores = simpy.Resource(node.env, node.spec.cores)
        self._running: set[str] = set()
        self._outputs: dict[str, Output] = {}
        self._done = 0
        self._keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.worker@{node.name}")
        self._keeping = simpy.Resource(node.env)
        self._record_begin = node.cluster.trace.recorder("task_begin", "task", "node")
        self._record_end = node.cluster.trace.recorder("task_end", "task", "node")

    def restore(self) -> Program:
        """Go on from what the job's recovery has kept."""
        if self._keeper is not None and (kept := (yield from self._keeper.restore())) is not None:
            self._done, outputs = kept
            self._outputs.update(outputs)

    def report(self, task: str, state: str, lost: tuple[str, str] | None = None) -> None:
        """Tell the master what has become of ``task``; ``lost`` is an output that a node no longer gives."""
        self._node.send(self._job.master, f"{self._job.name}.status", (task, state, lost), size_bytes=ORDER_BYTES)

    def give(self, message: Message) -> None:
        """Reply with a part of an output, or that there is no such output here."""
        task, part = message.body
        if task not in self._outputs:
            self._node.reply(message, (False, None), size_bytes=ORDER_BYTES)
        else:
            output = self._outputs[task]
            self._node.reply(message, (True, output[part] if part else output))

    def obey(self, orders: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        """Start what has been ordered, unless that has been done."""
        running = False
        for task, holders in orders:
            if task in self._outputs:
                self.report(task, "done")
            elif task in self._running:
                running = True
            else:
                self._running.add(task)
                self._node.spawn(self._run(task, holders))
        if running:
            self.report("", "alive")

    def _run(self, name: str, holders: tuple[str, ...]) -> Generator[Event, Any, None]:
        task: Task = self._graph.nodes[name]["task"]
        edges = list(self._graph.pred[name].items())
        fetches = [
            self._node.spawn(self._fetch(before, edge["part"], holder))
            for (before, edge), holder in zip(edges, holders, strict=True)
        ]
        parts, lost = [], None
        for (before, _), holder, fetch in zip(edges, holders, fetches, strict=True):
            held, part = yield fetch
            parts.append(part)
            lost = lost if held else (before, holder)
        if lost is not None:
            self._running.discard(name)
            self.report(name, "waiting", lost)
            return
        with self._cores.request() as core:
            yield core
            self._record_begin(name, self._node.name)
            output = yield self._node.compute(task.run(*parts))
            self._record_end(name, self._node.name)
        self._running.discard(name)
        self._outputs[name], _ = freeze(output)  # several tasks take it
        yield from self._keep()
        self.report(name, "done")

    def _keep(self) -> Program:
        self._done += 1
        if self._keeper is not None:
            done, state = self._done, (self._done, tuple(self._outputs.items()))
            with self._keeping.request() as turn:
                yield turn
                yield from self._keeper.after_step(done, lambda: state)

    def _fetch(self, before: str, part: str, holder: str) -> Generator[Event, Any, tuple[bool, Any]]:
        """Whether ``holder`` gives that part, and the part; what lies here already costs nothing."""
        if before in self._outputs:
            return True, self._outputs[before][part]
        if not holder:
            return False, None
        return (yield from fetch(self._node, self._job, holder, before, part))


def fetch(node: Node, job: TaskGraphJob, holder: str, task: str, part: str) -> Generator[Event, Any, tuple[bool, Any]]:
    """Ask ``holder`` for a part of a task's output: whether it gives it, and the part.

    A holder that does not answer so many ``attempts`` as the job says does not give it.
    """
    try:
        reply = yield from ask(
            node, holder, f"{job.name}.output", (task, part),
            timeout_s=job.retry_s, size_bytes=ORDER_BYTES, attempts=job.attempts,
        )  # fmt: skip
    except UNANSWERED:
        return False, None
    held, value = reply.body
    return held, value
