"""The ledger of a task graph: knows what is done and who keeps it, finds what is lost, and decides nothing else."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from simcluster.cluster import UNANSWERED, Message, Node
from simcluster.engine import Event
from simcluster.recovery import Watch, ask
from simcluster.scheduling.decentralised.protocols import Spawn
from simcluster.scheduling.fetches import ORDER_BYTES, collect
from simcluster.scheduling.graph import Output
from simcluster.scheduling.lineage import Lineage
from simcluster.scheduling.transfers import PATIENCE, Transfers

if TYPE_CHECKING:
    import networkx as nx

    from simcluster.scheduling.decentralised.job import DecentralisedJob

OVER = "over"
"""What is replied when the job has ended."""
_MISSED = 2  # so many times in a row nobody has a task: it may have been on its way once


def keep(
    node: Node,
    *,
    job: DecentralisedJob,
    graph: nx.DiGraph[Any],
    seed: int,
    boots: Iterator[int],
    finish: Callable[[dict[str, Output]], None],
) -> Generator[Event, Any, None]:
    """The ledger's program; ``finish`` is called with the outputs of the tasks that have no successor.

    It takes "done" (task, what its worker has spawned itself, the size of its output) and "lost" (task, what it takes,
    who does not give that).

    A ledger that starts anew asks all workers what they keep. Every ``retry_s`` it asks them, in a "census", who has
    the tasks that have been under way so long, and lets those be placed again that nobody has.
    """
    ledger = Ledger(node, job, graph, seed, next(boots))
    if ledger.boot:
        yield from ledger.look_round()
    takes = {f"{job.name}.{kind}": take for kind, take in ledger.takes.items()}
    takes |= {f"{job.name}.{kind}": take for kind, take in ledger.side.takes.items()}
    kinds, tick, alarm, alarm_s = tuple(takes), node.timer(job.retry_s), None, 0.0
    while True:
        if not ledger.lineage:
            outputs = yield from ledger.collect()
            if outputs is not None:
                break
            continue
        ledger.enable()
        message = node.receive(*kinds)
        release_s = ledger.next_release_s
        if release_s is not None and (alarm is None or release_s < alarm_s):
            alarm, alarm_s = node.timer(max(0.0, release_s - node.env.now)), release_s
        happened = yield message | tick if alarm is None else message | tick | alarm
        if alarm is not None and alarm in happened:
            alarm = None
        if message in happened:
            takes[happened[message].kind](happened[message])
        if tick in happened:
            ledger.check()
            tick = node.timer(job.retry_s)
    finish(outputs)
    for worker in job.workers:
        node.send(worker, f"{job.name}.over", size_bytes=ORDER_BYTES)
    while True:  # whoever has not heard that hears it when he asks
        asked = yield node.receive(*kinds)
        if asked.request_id is not None:
            node.reply(asked, OVER, size_bytes=ORDER_BYTES)


class Ledger:
    """What is done, what is under way since when, and which workers are suspected."""

    def __init__(self, node: Node, job: DecentralisedJob, graph: nx.DiGraph[Any], seed: int, boot: int) -> None:
        self.node, self.job, self.seed, self.boot = node, job, seed, boot
        self.lineage = Lineage(graph, {}, ())
        self._tasks = {name: attributes["task"] for name, attributes in graph.nodes.items()}
        self._place = {name: place for place, name in enumerate(graph)}
        self._since_s: dict[str, float] = {}  # of what is under way
        self._ordered: dict[str, None] = {}  # what was under way once
        self._spawned: dict[str, None] = {}  # by workers, before all that it takes was reported
        self._missed: dict[str, int] = {}
        self._sizes: dict[str, float] = {}  # of outputs, in bytes
        self._transfers = Transfers(graph.pred, node.cluster.network.expected_s)
        self._later: list[tuple[float, int, str]] = []  # a heap: what may begin when it is released
        self._numbers = count()
        self._answers: dict[tuple[str, Any], Any] = {}  # to whom, to which request
        self._round: dict[str, None] | None = None  # the tasks of the last census
        self._claimed: dict[str, set[Any]] = {}  # by whom, of these
        self._rounds = 0
        self._record_suspect = node.cluster.trace.recorder("suspect", "node", "suspected")
        self.watch = Watch(job.silence, job.workers, node.env.now, self._suspect)
        self.takes = {"done": self._once(self._done), "lost": self._once(self._lost), "here": self._here}
        self.side = job.scheduler.at_ledger(self)

    @property
    def workers(self) -> list[str]:
        """Those who are not suspected, or all where all are."""
        return [name for name in self.job.workers if not self.watch.suspected[name]] or list(self.job.workers)

    def order(self, task: str) -> Spawn:
        """What is said to who shall do a task; from now on it has been ordered before."""
        holders = self._holders_of(task)
        again = task in self._ordered
        self._ordered[task] = None
        return Spawn(task, holders, again, PATIENCE * max(map(self._transfers.load_s, holders), default=0.0))

    def send(self, worker: str, tasks: Sequence[str]) -> None:
        """Let a worker do these."""
        orders = [self.order(task) for task in tasks]
        self.node.send(worker, f"{self.job.name}.spawn", orders, size_bytes=ORDER_BYTES * len(orders))

    def under_way(self, task: str) -> bool:
        """Whether somebody is to do it."""
        return task in self._since_s

    @property
    def next_release_s(self) -> float | None:
        """When something is released that could begin otherwise."""
        return self._later[0][0] if self._later else None

    def enable(self) -> None:
        """Let what may begin be placed, where nobody has reported."""
        if self.lineage.changed or (self._later and self._later[0][0] <= self.node.env.now):
            self.side.place(self._ready(), None)

    def _ready(self) -> list[str]:
        """What may begin now, and is under way from now on."""
        now_s, changed, found = self.node.env.now, list(self.lineage.changed), []
        self.lineage.changed.clear()
        while self._later and self._later[0][0] <= now_s:
            changed.append(heappop(self._later)[2])
        for task in sorted(changed, key=self._place.__getitem__):
            if not self.lineage.can_begin(task):
                continue
            if self._tasks[task].release_s > now_s:
                heappush(self._later, (self._tasks[task].release_s, next(self._numbers), task))
                continue
            self._begin(task)
            if task in self._spawned:
                del self._spawned[task]
                self._ordered[task] = None
            else:
                found.append(task)
        self.lineage.changed.clear()
        return found

    def _holders_of(self, task: str) -> tuple[str, ...]:
        return tuple(self.lineage.holders.get(before, "") for before in self.lineage.before.get(task, ()))

    def _begin(self, task: str) -> None:
        self.lineage.begin(task)
        if task in self.lineage.before:  # whoever does it is connected about as this node is
            self._transfers.begin(task, task, self.node.name, self._holders_of(task), loads_node=False)
        self._since_s[task] = self.node.env.now

    def _stop(self, task: str) -> None:
        if task in self._since_s:
            del self._since_s[task]
            self._transfers.end(task)
            self._missed.pop(task, None)
            self.side.forget(task)
            self.lineage.stop(task)

    # What it learns

    def _once(self, take: Callable[[Message], Any]) -> Callable[[Message], None]:
        """Reply to a request, and to one that comes again the same, without taking it again."""

        def answer(message: Message) -> None:
            self.watch.hear(message.source, self.node.env.now)
            asked = message.source, message.request_id
            if asked not in self._answers:
                self._answers[asked] = take(message)
            orders = self._answers[asked]
            self.node.reply(message, orders, size_bytes=ORDER_BYTES * max(1, len(orders)))

        return answer

    def _done(self, message: Message) -> list[Spawn]:
        task, spawned, self._sizes[task] = message.body
        self._keep(task, message.source)
        self._spawned.update({each: None for each in spawned if each not in self._ordered})
        return [self.order(each) for each in self.side.place(self._ready(), message.source)]

    def _keep(self, task: str, worker: str) -> None:
        if task not in self.lineage.holders:
            self.lineage.keep(task, worker)
        self._stop(task)

    def _lost(self, message: Message) -> tuple[()]:
        task, before, holder = message.body
        self.lineage.lose(before, holder)
        self._stop(task)
        return ()

    def _suspect(self, worker: str, suspected: bool) -> None:
        self._record_suspect(worker, suspected)
        if suspected:
            self.lineage.lose_all(worker)

    # What it looks for

    def check(self) -> None:
        """Take the last census, and begin the next if something has been under way for long."""
        now_s, job = self.node.env.now, self.job
        if self._round is not None:
            self.watch.look(now_s, self._silent(now_s))
            asked = [worker for worker in job.workers if not self.watch.suspected[worker]]
            if asked and all(worker in self._claimed for worker in asked):
                claimed = set().union(*self._claimed.values())
                for task in self._round:
                    if task in self._since_s:
                        self._missed[task] = 0 if self._key(task) in claimed else self._missed.get(task, 0) + 1
                        if self._missed[task] >= _MISSED:
                            self._stop(task)
        overdue = {task: None for task, since_s in self._since_s.items() if since_s <= now_s - job.retry_s}
        if not overdue and not any(self.watch.suspected.values()):
            self._round = None
            return
        if self._round is None:
            for worker in job.workers:
                if not self.watch.suspected[worker]:
                    self.watch.hear(worker, now_s)  # it was not asked before
        self._round, self._claimed = overdue, {}
        self._rounds += 1
        keys = list(dict.fromkeys(self._key(task) for task in overdue))
        for worker in job.workers:
            self.node.send(worker, f"{job.name}.census", (self._rounds, keys), size_bytes=ORDER_BYTES * len(keys))

    def _silent(self, now_s: float) -> list[str]:
        """Who has said nothing for longer than the bytes take that may be before it, on its way to here or there."""
        found, longest_s = [], self._transfers.longest_s(self._since_s)
        for worker in self.job.workers:
            load_s = self._transfers.load_s(worker) + self.node.cluster[worker].spec.cores * longest_s
            if self.watch.silent_s(worker, now_s) > PATIENCE * load_s:
                found.append(worker)
        return found

    def _key(self, task: str) -> tuple[bool, Any]:
        """By what it is looked for: its name, or not."""
        stand_in = self.side.stand_in(task)
        return (True, task) if stand_in is None else (False, stand_in)

    def _here(self, message: Message) -> None:
        number, claimed = message.body
        self.watch.hear(message.source, self.node.env.now)
        if number == self._rounds:
            self._claimed[message.source] = set(claimed)

    def look_round(self) -> Generator[Event, Any, None]:
        """Learn what the workers keep."""
        asked = {worker: self.node.spawn(self.ask(worker, "kept")) for worker in self.job.workers}
        for worker, kept in asked.items():
            for task in (yield kept) or ():
                self._keep(task, worker)
                self._ordered[task] = None

    def ask(self, worker: str, kind: str) -> Generator[Event, Any, Any]:
        """What a worker replies, ``None`` where it does not."""
        job = self.job
        try:
            reply = yield from ask(
                self.node, worker, f"{job.name}.{kind}",
                timeout_s=job.retry_s, size_bytes=ORDER_BYTES, attempts=job.attempts,
            )  # fmt: skip
        except UNANSWERED:
            return None
        return reply.body

    def collect(self) -> Generator[Event, Any, dict[str, Output] | None]:
        """The outputs of the last tasks, or ``None`` when one has been lost meanwhile."""
        return collect(self.node, self.job, self.lineage, self._sizes)
