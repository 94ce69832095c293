"""A node: a machine with cores, memory, an inbox, storage, and the programs that it boots."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from simcluster.cluster.failure import Failure, Killed, NodeDown, TimedOut
from simcluster.cluster.machine.clock import Clock
from simcluster.cluster.machine.machine import Computation, NodeSpec
from simcluster.cluster.machine.memory import Memory
from simcluster.cluster.machine.processor import Processor, ProcessorSharing
from simcluster.cluster.machine.slowdown import Slowdowns
from simcluster.cluster.machine.storage import DISK_RECORD, Poison, Storage
from simcluster.cluster.messages.message import Message
from simcluster.cluster.mistakes import explain, not_a_program, sleeps
from simcluster.cluster.network.message_path import Endpoint, FirstComeFirstServed
from simcluster.cluster.running import Running
from simcluster.engine import Event, Process, Program, abandon, fail, kill, stream
from simcluster.kernels import Cost

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster

_seconds_of = Cost.seconds_of
Bootable = Callable[["Node"], Program]


class Node(Endpoint):
    """A machine of a running cluster, as its programs see it.

    Everything that takes time returns an event. A crash ends all of it without a word; a pause only delays it.
    ``crashes`` counts how often the machine has lost its memory; ``runs`` is whether its state is "up".
    """

    def __init__(self, cluster: Cluster, spec: NodeSpec) -> None:
        super().__init__(cluster.env, spec.name, cluster.network, spec.inbox_messages)
        self.cluster, self._since_s = cluster, cluster.env.now
        self.spec, self._jitters = spec, spec.jitter is not None
        self._flops_per_s, self._memory_bytes_per_s = spec.flops_per_s, spec.memory_bytes_per_s
        self.true_clock = spec.clock.is_true
        self._slowdowns = Slowdowns()
        self._boots: dict[str, Bootable] = {}
        self._kills: dict[str, int] = {}
        self._processes: dict[Process, str | None] = {}
        self._crash_listeners: list[Callable[[], object]] = []
        self._restarts_due = 0
        self.poisons: dict[str, Poison] = {}  # what faults make of the labels on its disk, by the fault's key, in order
        self._ended: Process | None = None  # the last that crashed this node, or killed its program, itself
        discipline = FirstComeFirstServed if spec.discipline == "fcfs" else ProcessorSharing
        self._processor: Processor = discipline(self.env, spec.name, spec.cores, spec.speed, cluster.trace)

    def __repr__(self) -> str:
        return f"<Node {self.name} {self.state}>"

    # What a node has. Parts that many nodes never use are made at their first use, so idle nodes stay small.

    @cached_property
    def storage(self) -> Storage:
        """The local disk."""
        record = self.cluster.trace.recorder(*DISK_RECORD)
        return Storage(self.env, self.spec.storage, self.when_up, self.name, record, self._require_up)

    @cached_property
    def memory(self) -> Memory:
        """The main memory."""
        return Memory(self.name, self.spec.memory_bytes, self._owner)

    @cached_property
    def clock(self) -> Clock:
        """The node's own idea of the time."""
        return Clock(self.env, self.spec.clock, self._since_s, self._retime)

    @cached_property
    def _jitter(self) -> Callable[[], float]:
        assert self.spec.jitter is not None
        return partial(self.spec.jitter.sample, stream(self.cluster.seed, "node", self.name, "jitter"))

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of the programs that the node boots, in order."""
        return tuple(self._boots)

    @property
    def ended(self) -> tuple[str, ...]:
        """The programs that have come to their end by themselves and left nothing that runs."""
        running = self._processes.values()
        return tuple(name for name in self._boots if self.runs and name not in (*running, *self._kills))

    def describe(self, process: Process) -> str:
        """Which program of this node a process is, or was spawned by."""
        return Running(self, self._processes[process], process).program

    # What programs use

    def is_running(self, name: str) -> bool:
        """Whether the program that the node boots under this name has begun and not ended, or what it spawned."""
        return name in self._processes.values()

    def boot(self, program: Bootable, name: str | None = None) -> None:
        """Run ``program(node)`` now, and anew after every restart.

        ``name`` is what faults know the program by; it defaults to the function's own name. Raises ``ValueError``
        when the node boots a program of that name already.
        """
        if hasattr(program, "throw"):
            raise TypeError(f"boot takes the function, not what it returns: write boot(program), got {program!r}")
        name = name or _name_of(program)
        if name in self._boots:
            raise ValueError(f"programs of one node must have different names, got {name!r} twice on {self.name}")
        self._boots[name] = program
        if not self._down:
            self.when_up(partial(self._start, name))

    def spawn(self, program: Program) -> Process:
        """Run a generator as a process that dies with the node, and with the program that spawned it."""
        self._require_up("spawn")
        return self._run(program, self._owner())

    def compute(self, call: Computation[Any], owner: Process | None = None) -> Event:
        """The result of ``call``, when a core has spent the time that its cost takes on this node.

        The mathematics is done at once and for real; a crash, or the end of ``owner`` (the caller), loses its result.
        """
        seconds = self._seconds_of(call)
        return self._processor.compute(call(), seconds, owner)

    def compute_reply(self, message: Message, call: Computation[Any], owner: Process | None = None) -> None:
        """Reply to a request with the result of ``call``, computed as by ``compute``."""
        seconds = self._seconds_of(call)
        self._processor.compute_then(self.reply, message, call(), seconds, owner)

    def busy(self, seconds: float) -> Event:
        """Occupy a core for ``seconds`` of work at speed 1."""
        self._require_up("compute")
        if not 0 <= seconds < math.inf:
            raise ValueError(f"seconds must be finite and at least 0, got {seconds}")
        return self._processor.compute(None, seconds * self._jitter() if self._jitters else seconds)

    def give_up(self, everything: bool = False) -> None:
        """Give up what the process that calls this has asked cores for, or ``everything``: it never happens."""
        if everything:
            self._processor.clear()
        else:
            self._processor.cancel(self.env.active_process)

    def progress(self, process: Process) -> float | None:
        """Which share of what a process has asked a core for is done, of several the least; ``None`` without any."""
        return self._processor.progress(process)

    def on_crash(self, listener: Callable[[], object]) -> None:
        """Call ``listener()`` at every crash: for whoever is outside the cluster, as those who ask a service."""
        self._crash_listeners.append(listener)

    # What goes wrong. Each verb has its opposite; all count, so faults may overlap in any order.

    @property
    def at_baseline(self) -> bool:
        """Whether the node runs as it was specified: no fault is at work on it or on its parts."""
        parts = [self.__dict__[part] for part in ("storage", "memory", "clock") if part in self.__dict__]
        whole = self.state == "up" and not self._slowdowns and self._processor.speed == self.spec.speed
        return whole and not self._kills and not self.poisons and all(part.at_baseline for part in parts)

    @property
    def queue_length(self) -> int:
        """Computations that are running on this node or waiting for a core."""
        return self._processor.queue_length

    @property
    def utilisation(self) -> float:
        """For which share of its time the cores have been occupied so far."""
        passed_s = self.env.now - self._since_s
        return self._processor.busy_s / (self.spec.cores * passed_s) if passed_s > 0 else 0.0

    @property
    def processes(self) -> dict[Process, Running]:
        """What runs here: the booted programs, and what they have spawned."""
        return {process: Running(self, owner, process) for process, owner in self._processes.items()}

    @property
    def waiting(self) -> int:
        """All that waits here: messages in the inbox, computations, disk operations, what a pause holds back."""
        count = self.inbox_length + self._processor.queue_length + len(self._held)
        return count + self.storage.queue_length if "storage" in self.__dict__ else count

    def crash(self) -> None:
        """Stop everything the node was doing; keep only flushed storage. A node can be down for several reasons.

        A program that crashes its own node runs on to its next ``yield``, where it ends, for Python cannot stop a
        generator that is running. Until then the node stays down, whoever restarts it, and whatever it asks of it,
        of its disk or of its memory raises ``NodeDown``.
        """
        self._down += 1
        if self._down > 1:
            return
        self.cluster.trace.recorder("crash", "node", "inbox_messages")(self.name, self.inbox_length)
        self.crashes += 1
        for heard in self._crash_listeners:
            heard()
        self._end(self._processes)
        self._held.clear()
        self._held_messages = 0
        self._close_all()
        self._mailbox.clear()
        self._processor.clear()
        for part in ("storage", "memory"):
            if part in self.__dict__:
                self.__dict__[part].crash()
        self.cluster.network.forget_unsent(self.name)
        self._adjust()

    def restart(self) -> None:
        """Take back one crash; when none is left, boot the same programs anew, with empty memory."""
        if not (crashes := self._down - self._restarts_due):
            raise ValueError(f"only a node that is down can restart, {self.name} is {self.state}")
        if crashes == 1 and self._ended is not None and self._ended is self.env.active_process:
            self._restarts_due += 1
            self.env.call_later(0.0, self._restart, 1)  # when the program that crashed it has come to its end
        else:
            self._restart()

    def _restart(self, due: int = 0) -> None:
        self._restarts_due -= due
        self._down -= 1
        if self._down:
            return
        self._adjust()
        for name in self._boots:
            self.when_up(partial(self._start, name))

    def pause(self) -> None:
        """Stand still: computation stops, messages and expired timers wait, nothing is lost."""
        self._pauses += 1
        self._adjust()

    def resume(self) -> None:
        """Take back one pause; when none is left, go on, and catch up on what happened meanwhile in its order."""
        if not self._pauses:
            raise ValueError(f"only a paused node can resume, {self.name} has no pause")
        self._pauses -= 1
        self._adjust()
        while self._held and self.state == "up":
            self._held.popleft()()

    def slow(self, key: object, factor: float) -> None:
        """Compute ``factor`` times slower until ``quicken(key)``; several slow-downs multiply."""
        if not (factor > 0 and math.isfinite(factor)):
            raise ValueError(f"factor must be finite and greater than 0, got {factor}")
        self._slowdowns.begin(key, factor)
        self._adjust()

    def quicken(self, key: object) -> None:
        """Take back one slow-down."""
        self._slowdowns.end(key)
        self._adjust()

    def kill(self, name: str) -> None:
        """End one booted program and all that it spawned; whoever awaits one of them gets ``Killed``.

        It stays dead, also when the node restarts, until each kill is taken back. A program that ends itself runs on
        to its next ``yield``, as after a crash; to spawn or to allocate until then raises ``Killed``.
        """
        self._require_program(name)
        self._kills[name] = self._kills.get(name, 0) + 1
        self.end(name)

    def end(self, name: str) -> None:
        """End one booted program as ``kill`` does, but let a restart of the node boot it anew."""
        dying = [process for process, owner in self._processes.items() if owner == name]
        self._end(dying)
        if "memory" in self.__dict__:
            self.memory.free_of(name)
        for process in dying:
            self._processor.cancel(process)
            if process.callbacks:
                fail(process, Killed(f"{name} on {self.name} was ended at {self.env.now} s"))

    def revive(self, name: str) -> None:
        """Take back one kill; when none is left, boot the program anew, unless the node is down."""
        self._require_program(name)
        if name not in self._kills:
            raise ValueError(f"only a program that was killed can be revived, {name!r} on {self.name} was not")
        self._kills[name] -= 1
        if not self._kills[name]:
            del self._kills[name]
            self.when_up(partial(self._start, name))

    # How it works

    def _seconds_of(self, call: Computation[Any]) -> float:
        """How long a core takes for a call at speed 1. Raises ``NodeDown`` on a node that is down."""
        if self._down:
            self._require_up("compute")
        try:
            cost = call.cost
        except AttributeError:
            raise TypeError(f"compute takes a computation, as kernel.call(…) or Call(…) gives, got {call!r}") from None
        seconds = _seconds_of(cost, self._flops_per_s, self._memory_bytes_per_s)
        return seconds * self._jitter() if self._jitters else seconds

    def refuse(self, refusal: tuple[int | str, int, Failure]) -> None:
        """Let a request fail that the network knows to be lost. Only the network calls this."""
        self.when_up(partial(self._fail, *refusal))

    def _expire(self, request: tuple[int | str, int, float, str, str]) -> None:
        request_id, message_id, timeout_s, target, kind = request
        failure = TimedOut(f"no reply to {kind!r} from {target} within {timeout_s} s")
        self.when_up(partial(self._fail, request_id, message_id, failure))

    def _fail(self, request_id: int | str, message_id: int, failure: Failure) -> None:
        """Let an attempt at a request fail now, if it is still open."""
        if (reply := self._withdraw(request_id, message_id)) is not None:
            fail(reply, failure)

    def _late(self, message: Message) -> None:
        self.cluster.trace.recorder("late_reply", "node", "message")(self.name, message.id)

    def _adjust(self) -> None:
        """Bring the processor to the speed that all modifiers together give."""
        self.runs = self.state == "up"
        speed = self.spec.speed / self._slowdowns.product if self.runs else 0.0
        self._processor.set_speed(speed)
        self.cluster.trace.recorder("node", "node", "state", "speed")(self.name, self.state, speed)

    def _require_up(self, what: str) -> None:
        if self._down:
            raise NodeDown(f"{what} needs a node that is not down, {self.name} is down at {self.env.now} s")

    def _require_program(self, name: str) -> None:
        if name not in self._boots:
            raise ValueError(f"a program of {self.name} must be one of {list(self._boots)}, got {name!r}")

    def _start(self, name: str) -> None:
        # What a pause has kept from starting may have been killed meanwhile, or have been started already.
        if name not in self._kills and name not in self._processes.values():
            program = self._booted(name)
            if sleeps(program):
                rule = f"{name} on {self.name} must not call time.sleep, which lets no simulated time pass"
                raise ValueError(f"{rule}: write yield node.timer(seconds), got it at {self.env.now} s")
            self._run(program, name)

    def _booted(self, name: str) -> Program:
        try:
            return self._boots[name](self)
        except Exception as error:  # a program without yield is over by now
            explain(error, f"{name} on {self.name}", self.env.now)
            raise

    def _run(self, program: Program, owner: str | None) -> Process:
        try:
            process: Process = self.env.process(program)
        except ValueError:
            raise not_a_program(program, f"{owner or 'spawn'} on {self.name}", self.env.now) from None
        self._processes[process] = owner
        process.callbacks.append(self._forget)
        return process

    def _owner(self) -> str | None:
        """The booted program that is running now."""
        self._require_up("memory")
        active = self.env.active_process
        if active is None:
            return None
        if active is self._ended:
            raise Killed(f"{active.name} on {self.name} ended itself at {self.env.now} s")
        return self._processes.get(active)

    def _forget(self, process: Process) -> None:
        if not process._ok:
            explain(process._value, self.describe(process), self.env.now)
            self.cluster.note_failed(Running(self, self._processes[process], process))
        del self._processes[process]

    def _end(self, dying: Iterable[Process]) -> None:
        """Kill processes; their generators are kept, so that Python runs none of their clean-up during the run."""
        for process in tuple(dying):
            process.callbacks.remove(self._forget)
            if process is self.env.active_process:
                self._ended = process
                self.cluster.killed.append(kill(process))
            else:
                waited_for = process.target
                self.cluster.killed.append(kill(process))
                abandon(waited_for)
            del self._processes[process]


def _name_of(program: Bootable) -> str:
    while isinstance(program, partial):
        program = program.func
    return getattr(program, "__name__", type(program).__name__)
