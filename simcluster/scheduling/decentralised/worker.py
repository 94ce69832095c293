"""A worker of a task graph without a master: does what its scheduler gives it, keeps the outputs and reports."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event, Program
from simcluster.recovery import ask
from simcluster.scheduling.decentralised.ledger import OVER
from simcluster.scheduling.decentralised.protocols import Spawn
from simcluster.scheduling.fetches import ORDER_BYTES, fetch
from simcluster.scheduling.graph import Task, check_output
from simcluster.scheduling.transfers import Transfers

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np

    from simcluster.scheduling.decentralised.job import DecentralisedJob


def work(
    node: Node,
    *,
    job: DecentralisedJob,
    graph: nx.DiGraph[Any],
    generator: Callable[[str], np.random.Generator],
) -> Generator[Event, Any, None]:
    """A worker's program."""
    worker = Worker(node, job, graph, generator(node.name))
    takes = {f"{job.name}.{kind}": take for kind, take in (worker.takes | dict(worker.side.takes)).items()}
    kinds = tuple(takes)
    worker.side.idle()
    while True:
        message = yield node.receive(*kinds)
        takes[message.kind](message)


class Worker:
    """What it computes and keeps, and how many of its cores are idle."""

    def __init__(
        self, node: Node, job: DecentralisedJob, graph: nx.DiGraph[Any], generator: np.random.Generator
    ) -> None:
        self.node, self.job, self.generator = node, job, generator
        self.idle_cores = node.spec.cores
        self.over = False
        self._graph = graph
        self._running: dict[str, None] = {}
        self._outputs: dict[str, Sealed] = {}  # several tasks take them
        self._reporting: dict[str, None] = {}
        self._transfers = Transfers(graph.pred, node.cluster.network.expected_s)
        self._record_begin = node.cluster.trace.recorder("task_begin", "task", "node")
        self._record_end = node.cluster.trace.recorder("task_end", "task", "node")
        self.takes = {
            "spawn": self._spawn, "census": self._census, "kept": self._kept,
            "output": self._give, "outputs": self._give_several, "over": self._end,
        }  # fmt: skip
        self.side = job.scheduler.at_worker(self)

    @property
    def running(self) -> int:
        """How many tasks have a core."""
        return len(self._running)

    def has(self, task: str) -> bool:
        """Whether it computes a task, has done it or is to do it."""
        return task in self._running or task in self._outputs or self.side.holds(task)

    def start(self, order: Spawn) -> None:
        """Give an idle core to a task: it fetches what it takes, and computes."""
        self.idle_cores -= 1
        self._running[order.task] = None
        self.node.spawn(self._run(*order))

    def free(self) -> None:
        """A core is idle again."""
        self.idle_cores += 1
        self.side.idle()

    def spawned(self, orders: Sequence[Spawn]) -> None:
        """Take what is not here yet."""
        new = []
        for order in (Spawn(*each) for each in orders):
            if order.task in self._outputs:
                self._report(order.task, ())
            elif not self.has(order.task):
                new.append(order)
        self.side.spawned(new)
        self.side.idle()

    def end(self) -> None:
        """The job is over: nothing more is looked for."""
        self.over = True

    def _run(self, name: str, holders: tuple[str, ...], again: bool, wait_s: float) -> Program:
        task: Task = self._graph.nodes[name]["task"]
        edges = list(self._graph.pred[name].items())
        self._transfers.begin(name, name, self.node.name, holders)
        wait_s += self._transfers.wait_s(self.node.name, holders)
        fetches = [
            self.node.spawn(self._fetch(before, edge["part"], holder, wait_s))
            for (before, edge), holder in zip(edges, holders, strict=True)
        ]
        parts, lost = [], None
        for (before, _), holder, fetched in zip(edges, holders, fetches, strict=True):
            held, part = yield fetched
            parts.append(part)
            lost = lost if held else (name, before, holder)
        self._transfers.end(name)
        if lost is not None:
            del self._running[name]
            self.node.spawn(self._tell("lost", lost))
            self.free()
            return
        self._record_begin(name, self.node.name)
        output = yield self.node.compute(task.run(*parts))
        check_output({name: {edge["part"]: after for after, edge in self._graph.adj[name].items()}}, name, output)
        self._record_end(name, self.node.name)
        del self._running[name]
        self._outputs[name] = Sealed(output)
        spawned = self._follow(name) if self.side.spawns and not again else []
        self._report(name, [order.task for order in spawned])
        self.side.spawned(spawned)
        self.free()

    def _follow(self, name: str) -> list[Spawn]:
        """What may begin, as all that it takes lies here."""
        found = []
        for after in self._graph.adj[name]:
            before = self._graph.pred[after]
            released = self._graph.nodes[after]["task"].release_s <= self.node.env.now
            if released and after not in self._outputs and all(each in self._outputs for each in before):
                found.append(Spawn(after, (self.node.name,) * len(before), False))
        return found

    def _fetch(
        self, before: str, part: str, holder: str, wait_s: float
    ) -> Generator[Event, Any, tuple[bool, Any]]:
        if before in self._outputs:
            return True, self._outputs[before].value[part]
        if not holder or holder == self.node.name:
            return False, None
        return (yield from fetch(self.node, self.job, holder, before, part, wait_s))

    def _report(self, task: str, spawned: Sequence[str]) -> None:
        if task not in self._reporting:
            self._reporting[task] = None
            self.node.spawn(self._tell("done", (task, spawned, self._outputs[task].size_bytes)))

    def _tell(self, kind: str, body: tuple[Any, ...]) -> Program:
        """Tell the ledger until it replies, with what may begin here now."""
        orders = yield from self.ask(self.job.master, kind, body, attempts=None)
        self._reporting.pop(body[0], None)
        if orders and not self.over:
            self.spawned(orders)

    def ask(
        self, target: str, kind: str, body: Any = None, attempts: int | None = 1
    ) -> Generator[Event, Any, Any]:
        """What somebody replies, ``None`` where he does not, or the job is over."""
        try:
            reply = yield from ask(
                self.node, target, f"{self.job.name}.{kind}", body,
                timeout_s=self.job.retry_s, size_bytes=ORDER_BYTES, attempts=attempts,
            )  # fmt: skip
        except UNANSWERED:
            return None
        if reply.body == OVER:
            self.end()
            return None
        return reply.body

    # What it is told and asked

    def _spawn(self, message: Message) -> None:
        self.spawned(message.body)

    def _end(self, message: Message) -> None:
        self.end()

    def _census(self, message: Message) -> None:
        number, keys = message.body
        claimed = [(named, key) for named, key in keys if (self.has(key) if named else self.side.expects(key))]
        for named, key in claimed:
            if named and key in self._outputs:
                self._report(key, ())
        body, size_bytes = (number, claimed), ORDER_BYTES * max(1, len(claimed))
        self.node.send(self.job.master, f"{self.job.name}.here", body, size_bytes=size_bytes)

    def _kept(self, message: Message) -> None:
        self.node.reply(message, list(self._outputs), size_bytes=ORDER_BYTES * max(1, len(self._outputs)))

    def _give(self, message: Message) -> None:
        task, part = message.body
        if task not in self._outputs:
            self.node.reply(message, (False, None), size_bytes=ORDER_BYTES)
        else:
            output = self._outputs[task]
            self.node.reply(message, (True, output.value[part] if part else output))

    def _give_several(self, message: Message) -> None:
        self.node.reply(message, [self._outputs.get(task) for task in message.body])
