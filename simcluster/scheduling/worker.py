"""The worker of a task graph: fetches what a task takes, computes it, keeps the output and reports."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import simpy

from simcluster.cluster import Message, Node, OutOfMemory
from simcluster.cluster.messages.message import Sealed
from simcluster.engine import Event, Process, Program
from simcluster.learning import Call
from simcluster.scheduling.fetches import ORDER_BYTES, fetch
from simcluster.scheduling.graph import Output, Taken, Task, check_output
from simcluster.scheduling.room import Room, Turn

if TYPE_CHECKING:

    from simcluster.scheduling.job import TaskGraphJob

Takes = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What tasks take that take anything: of which tasks, in the order of their edges, and the attributes of these."""
_MANY_BYTES = 4096
"""How much a worker gives at once of several outputs, if the first is not larger already."""


def work(
    node: Node,
    *,
    job: TaskGraphJob,
    before: Takes,
    taken: Taken,
    tasks: Mapping[str, Task],
    numbers: Iterator[int],
) -> Generator[Event, Any, None]:
    """A worker's program. It takes six kinds of message and may get any of them twice.

    "run" carries orders: a task, its number, and, if it takes anything, how long it may have to wait for that and who
    keeps each of its predecessors' outputs, empty where nobody is known to.
    It is started unless it runs or is done already, which a "status" then says. "cancel" (task, number)
    gives up what was ordered by that number or before. "go" (task, number) lets a task of a gang begin
    that is in place. "output" (task, part) asks for a part of an output, or for all of it when ``part`` is empty,
    "outputs" for several whole ones. "ping" asks for a sign of life.
    """
    worker = _Worker(node, job, before, taken, tasks, next(numbers))
    yield from worker.restore()
    takes = {
        f"{job.name}.run": worker.obey,
        f"{job.name}.output": worker.give,
        f"{job.name}.ping": lambda message: worker.report("", "alive"),
        f"{job.name}.cancel": worker.cancel,
        f"{job.name}.go": worker.let_go,
        f"{job.name}.outputs": worker.give_several,
    }
    kinds = tuple(takes)
    while True:
        message = yield node.receive(*kinds)
        takes[message.kind](message)


class _Run:
    """A task that was ordered and is not done: by which number, the process that does it, and how far it is."""

    __slots__ = ("begun", "gate", "memory", "name", "number", "process", "task", "turn")

    def __init__(self, name: str, task: Task, number: int) -> None:
        self.name, self.task, self.number = name, task, number
        self.process: Process | None = None
        self.turn: Turn | None = None  # to have cores
        self.memory: Any = None  # what it has allocated
        self.gate: Any = None  # which opens when all of its gang are in place
        self.begun = False


class _Worker:
    """What a worker remembers: the tasks that it runs and the outputs that it keeps."""

    def __init__(
        self,
        node: Node,
        job: TaskGraphJob,
        before: Takes,
        taken: Taken,
        tasks: Mapping[str, Task],
        boots: int,
    ) -> None:
        self._node, self._job, self._tasks, self._boots = node, job, tasks, boots
        self._before, self._taken = before, taken
        self._since = -1  # the master that was heard last
        self._room = Room(node.env, node.spec.cores, node.spec.memory_bytes)
        self._running: dict[str, _Run] = {}
        self._given_up: dict[str, int] = {}  # by which number at the latest
        self._outputs: dict[str, Sealed] = {}  # several tasks take them
        self._done = 0
        self._tells = False
        self._status = f"{job.name}.status"
        self._keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.worker@{node.name}")
        self._keeping = simpy.Resource(node.env)
        self._record_begin = node.cluster.trace.recorder("task_begin", "task", "node")
        self._record_end = node.cluster.trace.recorder("task_end", "task", "node")
        self._record_cancel = node.cluster.trace.recorder("task_cancel", "task", "node")

    def restore(self) -> Program:
        """Go on from what the job's recovery has kept."""
        if self._keeper is not None and (kept := (yield from self._keeper.restore())) is not None:
            self._done, outputs = kept
            self._outputs.update(outputs)

    def report(self, task: str, state: str, number: int = 0, more: Any = None) -> None:
        """Tell the master what has become of ``task``.

        ``more`` is the size of its output, or an output that a node gives no more, or progress.
        """
        body = task, state, number, self._boots, more
        self._node.send(self._job.master, self._status, body, size_bytes=ORDER_BYTES)

    def give(self, message: Message) -> None:
        """Reply with a part of an output, or that there is no such output here."""
        task, part = message.body
        if task not in self._outputs:
            self._node.reply(message, (False, None), size_bytes=ORDER_BYTES)
        else:
            output = self._outputs[task]
            self._node.reply(message, (True, output.value[part] if part else output))

    def give_several(self, message: Message) -> None:
        """Reply with the first of several outputs, so many as make up a few kilobytes; ``None`` for no such."""
        given: list[Sealed | None] = []
        size_bytes = 0.0
        for task in message.body:
            output = self._outputs.get(task)
            size_bytes += 0.0 if output is None else output.size_bytes
            if given and size_bytes > _MANY_BYTES:
                break
            given.append(output)
        self._node.reply(message, given)

    def obey(self, message: Message) -> None:
        """Start what has been ordered, unless that has been done."""
        since, progress_s, *orders = message.body  # flat: a task, its number, its wait and holders, then the next
        if since > self._since:
            self._since = since
            for waits in [run for run in self._running.values() if run.gate is not None and run.number < since]:
                self._give_up(waits)  # nobody else knows that it does
        running, place = False, 0
        while place < len(orders):
            task, number = orders[place], orders[place + 1]
            place += 2
            wait_s, holders = 0.0, []
            if before := self._before.get(task):
                wait_s, holders = orders[place], orders[place + 1 : place + 1 + len(before)]
                place += 1 + len(before)
            run = self._running.get(task)
            if task in self._outputs:
                self.report(task, "done", number, self._outputs[task].size_bytes)
            elif number <= self._given_up.get(task, -1):
                self.report(task, "cancelled", number)
            elif run is None:
                self._start(task, number, holders, wait_s)
            elif run.number < number and run.task.gang:
                self._give_up(run)
                self._start(task, number, holders, wait_s)
            else:
                run.number = max(run.number, number)
                if run.gate is not None and not run.begun:
                    self.report(task, "in place", run.number)
                else:
                    running = True
        if running:
            self.report("", "alive")
        if progress_s is not None and not self._tells:
            self._tells = True
            self._node.spawn(self._tell(progress_s))

    def cancel(self, message: Message) -> None:
        """Give up what was ordered by that number, and do not begin it later."""
        task, number = message.body
        self._given_up[task] = max(number, self._given_up.get(task, -1))
        run = self._running.get(task)
        if run is not None and run.number <= number:
            self._give_up(run)
        self.report(task, "cancelled", number)

    def let_go(self, message: Message) -> None:
        """Let a task of a gang begin."""
        task, number = message.body
        run = self._running.get(task)
        if run is not None and run.number == number and run.gate is not None and not run.gate.triggered:
            run.gate.succeed()

    def _start(self, name: str, number: int, holders: Sequence[str], wait_s: float) -> None:
        run = self._running[name] = _Run(name, self._tasks[name], number)
        run.process = self._node.spawn(self._run(run, holders, wait_s))

    def _give_up(self, run: _Run) -> None:
        del self._running[run.name]
        assert run.process is not None
        run.process.interrupt()

    def _run(self, run: _Run, holders: Sequence[str], wait_s: float) -> Generator[Event, Any, None]:
        name, task = run.name, run.task
        try:
            parts: list[Any] = []
            if holders:
                lost = yield from self._gather(name, holders, wait_s, parts)
                if lost is not None:
                    del self._running[name]
                    self.report(name, "waiting", run.number, lost)
                    return
            turn = run.turn = self._room.ask(task.cores, task.memory_bytes, bool(task.gang))
            if turn.given is not None:
                yield turn.given
            if task.memory_bytes:
                yield from self._allocate(run)
            if task.gang:
                run.gate = self._node.env.event()
                self.report(name, "in place", run.number)
                yield run.gate
            run.begun = True
            self._record_begin(name, self._node.name)
            call = task.run(*parts)
            if task.cores == 1:
                output = yield self._node.compute(call)
            else:
                output = yield from self._compute(call, task.cores)
        except simpy.Interrupt:
            self._node.give_up()
            if run.begun:
                self._record_cancel(name, self._node.name)
            self._leave(run)
            return
        check_output(self._taken, name, output)
        self._record_end(name, self._node.name)
        self._leave(run)
        del self._running[name]
        sealed = self._outputs[name] = Sealed(output)
        if self._keeper is not None:
            yield from self._keep()
        self.report(name, "done", run.number, sealed.size_bytes)

    def _gather(
        self, name: str, holders: Sequence[str], wait_s: float, parts: list[Any]
    ) -> Generator[Event, Any, tuple[str, str] | None]:
        """Fill ``parts`` with what a task takes, fetched at once; an output that its holder does not give, if any."""
        edges = list(self._before[name].items())
        fetches = [
            self._node.spawn(self._fetch(before, edge["part"], holder, wait_s))
            for (before, edge), holder in zip(edges, holders, strict=True)
        ]
        lost = None
        for (before, _), holder, fetched in zip(edges, holders, fetches, strict=True):
            held, part = yield fetched
            parts.append(part)
            lost = lost if held else (before, holder)
        return lost

    def _allocate(self, run: _Run) -> Program:
        while run.memory is None:
            try:
                run.memory = self._node.memory.allocate(run.task.memory_bytes)
            except OutOfMemory:  # a fault withholds it, or another program has it
                yield self._node.timer(self._job.retry_s)

    def _leave(self, run: _Run) -> None:
        if run.turn is not None:
            self._room.leave(run.turn)
        if run.memory is not None:
            run.memory.free()

    def _compute(self, call: Call[Output], cores: int) -> Generator[Event, Any, Any]:
        """The output, when one core has computed it and the others that the task holds have been busy as long."""
        computed, seconds = self._node.compute(call), self._node.spec.seconds(call.cost)
        yield simpy.AllOf(self._node.env, [computed, *(self._node.busy(seconds) for _ in range(cores - 1))])
        return computed.value

    def _tell(self, progress_s: float) -> Program:
        """Say every so often how far the tasks are, while there are any."""
        while self._running:
            yield self._node.timer(progress_s)
            told = [(name, self._progress(run)) for name, run in self._running.items() if run.begun]
            if told := [(name, share) for name, share in told if share is not None]:
                self.report("", "progress", 0, told)
        self._tells = False

    def _progress(self, run: _Run) -> float | None:
        return None if run.process is None else self._node.progress(run.process)

    def _keep(self) -> Program:
        self._done += 1
        done, state = self._done, (self._done, tuple(self._outputs.items()))
        assert self._keeper is not None
        with self._keeping.request() as turn:
            yield turn
            yield from self._keeper.after_step(done, lambda: state)

    def _fetch(
        self, before: str, part: str, holder: str, wait_s: float
    ) -> Generator[Event, Any, tuple[bool, Any]]:
        """Whether ``holder`` gives that part, and the part; what lies here already costs nothing."""
        if before in self._outputs:
            return True, self._outputs[before].value[part]
        if not holder:
            return False, None
        return (yield from fetch(self._node, self._job, holder, before, part, wait_s))
