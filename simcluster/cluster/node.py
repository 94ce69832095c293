"""A node: a machine with cores, memory, an inbox, storage, and the programs that it boots."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

from pydantic import Field
from simpy.events import Event, Process

from simcluster.cluster.mailbox import Mailbox, Receive
from simcluster.cluster.message import Message, TimedOut
from simcluster.cluster.processor import Processor
from simcluster.cluster.storage import Storage, StorageSpec
from simcluster.cluster.waiting import Waiters
from simcluster.engine import (
    Distribution,
    Name,
    Positive,
    Program,
    ScheduledCall,
    Spec,
    fail,
    fire,
    kill,
    stream,
)

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster

R = TypeVar("R", covariant=True)


class CallCost(Protocol):
    """What a computation takes: counts of floating-point operations and of bytes moved to and from memory."""

    @property
    def flops(self) -> float:
        """Floating-point operations."""
        ...

    @property
    def bytes(self) -> float:
        """Bytes read and written."""
        ...


class Computation(Protocol[R]):
    """Something that a node can compute: calling it gives the result, ``cost`` says what it takes."""

    @property
    def cost(self) -> CallCost:
        """What it takes."""
        ...

    def __call__(self) -> R:
        """Do it, for real."""
        ...


class NodeSpec(Spec):
    """A machine as one would order it.

    ``speed`` scales both rates. ``nic_bytes_per_s`` is the bandwidth of its network interface in each direction,
    where it differs from the network's. ``jitter``, with mean 1, multiplies the time of each computation; its draws
    come from the node's own stream.
    """

    name: Name
    cores: Annotated[int, Field(ge=1)] = 1
    flops_per_s: Positive = 1e9
    memory_bytes_per_s: Positive = 1e10
    speed: Positive = 1.0
    jitter: Distribution | None = None
    nic_bytes_per_s: Positive | None = None
    storage: StorageSpec = StorageSpec()

    def seconds(self, cost: CallCost) -> float:
        """How long ``cost`` keeps a core busy at speed 1: max(flops / flops_per_s, bytes / memory_bytes_per_s)."""
        return max(cost.flops / self.flops_per_s, cost.bytes / self.memory_bytes_per_s)


def nodes(prefix: str, count: int, **fields: Any) -> tuple[NodeSpec, ...]:
    """``count`` machines named ``prefix-0``, ``prefix-1``, … with the same ``fields``."""
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    return tuple(NodeSpec(name=f"{prefix}-{i}", **fields) for i in range(count))


class NodeDown(Exception):
    """Something was asked of a node that is down: it does nothing until it restarts."""


class Node:
    """A machine of a running cluster, as its programs see it.

    Everything that takes time returns an event. A crash ends all of it without a word; a pause only delays it.
    """

    def __init__(self, cluster: Cluster, spec: NodeSpec) -> None:
        self.cluster = cluster
        self.env = cluster.env
        self.spec = spec
        self.name = spec.name
        recorder = cluster.trace.recorder
        self._record_crash = recorder("crash", "node", "inbox_messages")
        self._record_state = recorder("node", "node", "state", "speed")
        self._record_late = recorder("late_reply", "node", "message")
        self._generator = stream(cluster.seed, "node", spec.name, "jitter") if spec.jitter else None
        self._processor = Processor(self.env, spec.name, spec.cores, spec.speed, recorder("compute", "node", "begin_s"))
        self._mailbox = Mailbox(self.env, self._when_up)
        self.storage = Storage(self.env, spec.storage, self._when_up)
        self._crashes = 0
        self._pauses = 0
        self._slowdowns: dict[object, float] = {}
        self._epoch = 0  # how often this machine has lost its memory
        self._boots: list[Callable[[Node], Program]] = []
        self._processes: dict[Process, None] = {}
        self._killed: list[Program] = []  # kept, so that Python runs none of their clean-up during the run
        self._requests: dict[int | str, tuple[Event, ScheduledCall | None]] = {}
        self._held: deque[Callable[[], None]] = deque()

    def __repr__(self) -> str:
        return f"<Node {self.name} {self.state}>"

    # What programs use

    def boot(self, program: Callable[[Node], Program]) -> None:
        """Run ``program(node)`` now, and anew after every restart."""
        self._boots.append(program)
        if not self._crashes:
            self._when_up(lambda: self._start(program))

    def spawn(self, program: Program) -> Process:
        """Run a generator as a process that dies with the node. Raises ``NodeDown`` when the node is down."""
        self._require_up("spawn")
        process: Process = self.env.process(program)
        self._processes[process] = None
        process.callbacks.append(self._forget)
        return process

    def compute(self, call: Computation[Any]) -> Event:
        """The result of ``call``, when a core has spent the time that its cost takes on this node.

        The mathematics is done at once and for real; a crash on the way loses its result.
        """
        self._require_up("compute")
        seconds = self.spec.seconds(call.cost)
        return self._occupy(seconds, call())

    def busy(self, seconds: float) -> Event:
        """Occupy a core for ``seconds`` of work at speed 1."""
        self._require_up("compute")
        if not seconds >= 0:
            raise ValueError(f"seconds must be at least 0, got {seconds}")
        return self._occupy(seconds, None)

    def timer(self, delay_s: float) -> Event:
        """An event ``delay_s`` from now. One that expires during a pause happens when the node resumes."""
        self._require_up("timer")
        if not delay_s >= 0:
            raise ValueError(f"delay_s must be at least 0, got {delay_s}")
        return Timer(self, delay_s)

    def receive(self, *kinds: str) -> Event:
        """The next message of one of ``kinds`` (of any kind when none is named), for as long as it is awaited."""
        self._require_up("receive")
        return Receive(self._mailbox, kinds)

    def send(self, target: str, kind: str, body: Any = None, size_bytes: float | None = None) -> Message:
        """Send a message and go on at once; arrays in ``body`` become read-only.

        ``size_bytes`` defaults to the size of the body and a header. Raises ``ValueError`` for an unknown target.
        """
        return self._send(target, kind, body, size_bytes)

    def request(
        self,
        target: str,
        kind: str,
        body: Any = None,
        size_bytes: float | None = None,
        timeout_s: float | None = None,
        request_id: int | str | None = None,
    ) -> Event:
        """The reply to a message. Without one within ``timeout_s`` the event fails with ``TimedOut``.

        A retry passes the ``request_id`` of its first attempt, so that the receiver can tell that it is one.
        """
        if timeout_s is not None and not timeout_s >= 0:
            raise ValueError(f"timeout_s must be at least 0, got {timeout_s}")
        if request_id is None:
            request_id = self.cluster.network.new_id()
        reply = Event(self.env)
        self._send(target, kind, body, size_bytes, request_id=request_id)
        expiry = None
        if timeout_s is not None:
            timed_out = TimedOut(f"no reply to {kind!r} from {target} within {timeout_s} s")

            def give_up() -> None:
                if request_id in self._requests and self._requests[request_id][0] is reply:
                    del self._requests[request_id]
                    fail(reply, timed_out)

            expiry = self.env.call_later(timeout_s, self._when_up, give_up)
        self._requests[request_id] = (reply, expiry)
        return reply

    def reply(self, message: Message, body: Any = None, size_bytes: float | None = None) -> Message:
        """Answer a request. Raises ``ValueError`` when ``message`` is none."""
        if message.request_id is None:
            raise ValueError(f"only a request can be replied to, got a {message.kind!r} message without request_id")
        return self._send(message.source, f"{message.kind}-reply", body, size_bytes, reply_to=message.request_id)

    # What goes wrong. Each verb has its opposite; both count, so faults may overlap in any order.

    @property
    def state(self) -> Literal["up", "paused", "down"]:
        """What the node is now."""
        return "down" if self._crashes else "paused" if self._pauses else "up"

    @property
    def at_baseline(self) -> bool:
        """Whether the node runs as it was specified: nothing crashes, pauses or slows it."""
        return self.state == "up" and not self._slowdowns and self._processor.speed == self.spec.speed

    @property
    def queue_length(self) -> int:
        """Computations that are running on this node or waiting for a core."""
        return self._processor.queue_length

    @property
    def inbox_length(self) -> int:
        """Messages that have arrived and that no program has taken."""
        return len(self._mailbox.messages)

    def crash(self) -> None:
        """Stop everything the node was doing; keep only flushed storage. A node can be down for several reasons."""
        self._crashes += 1
        if self._crashes > 1:
            return
        self._record_crash(self.name, len(self._mailbox.messages))
        self._epoch += 1
        self._killed += [kill(process) for process in self._processes]
        self._processes.clear()
        self._requests.clear()
        self._held.clear()
        self._mailbox.clear()
        self._processor.clear()
        self.storage.crash()
        self.cluster.network.forget_unsent(self.name)
        self._adjust()

    def restart(self) -> None:
        """Take back one crash; when none is left, boot the same programs anew, with empty memory."""
        if not self._crashes:
            raise ValueError(f"only a node that is down can restart, {self.name} is {self.state}")
        self._crashes -= 1
        if self._crashes:
            return
        self._adjust()
        for program in self._boots:
            self._when_up(lambda program=program: self._start(program))  # type: ignore[misc]

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

    def slow(self, reason: object, factor: float) -> None:
        """Compute ``factor`` times slower until ``quicken(reason)``; several reasons multiply."""
        if not factor > 0:
            raise ValueError(f"factor must be greater than 0, got {factor}")
        self._slowdowns[reason] = factor
        self._adjust()

    def quicken(self, reason: object) -> None:
        """Take back one slow-down."""
        del self._slowdowns[reason]
        self._adjust()

    def deliver(self, message: Message) -> None:
        """Take a message from the network. Only the network calls this, and only when the node is not down."""
        self._when_up(lambda: self._accept(message))

    # How it works

    def _adjust(self) -> None:
        """Bring the processor to the speed that all modifiers together give, computed anew so no rounding stays."""
        speed = self.spec.speed
        for factor in self._slowdowns.values():
            speed /= factor
        self._processor.set_speed(speed if self.state == "up" else 0.0)
        self._record_state(self.name, self.state, self._processor.speed)

    def _require_up(self, what: str) -> None:
        if self._crashes:
            raise NodeDown(f"{what} needs a node that is not down, {self.name} is down at {self.env.now} s")

    def _when_up(self, function: Callable[[], None]) -> None:
        """Call ``function`` now, after the pause, or, on a node that is down, never."""
        if self._crashes:
            return
        if self._pauses:
            self._held.append(function)
        else:
            function()

    def _start(self, program: Callable[[Node], Program]) -> None:
        self.spawn(program(self))

    def _forget(self, process: Event) -> None:
        self._processes.pop(process, None)  # type: ignore[call-overload]

    def _occupy(self, seconds: float, result: Any) -> Event:
        if self._generator is not None and self.spec.jitter is not None:
            seconds *= self.spec.jitter.sample(self._generator)
        done = Event(self.env)
        self._processor.submit(done, result, seconds)
        return done

    def _send(self, target: str, kind: str, body: Any, size_bytes: float | None, **ids: Any) -> Message:
        self._require_up("send")
        network = self.cluster.network
        message = network.write(self.name, target, kind, body, size_bytes, **ids)
        self._when_up(lambda: network.send(message))
        return message

    def _accept(self, message: Message) -> None:
        if message.reply_to is None:
            self._mailbox.put(message)
            return
        if message.reply_to not in self._requests:
            self._record_late(self.name, message.id)
            return
        request, expiry = self._requests.pop(message.reply_to)
        if expiry is not None:
            expiry.cancel()
        fire(request, message)


class Timer(Event):
    """An event at a fixed time on a node. While nobody awaits it, it keeps no place in the event queue."""

    def __init__(self, node: Node, delay_s: float) -> None:
        super().__init__(node.env)
        self._node = node
        self._epoch = node._epoch
        self._at_s = node.env.now + delay_s
        self._call: ScheduledCall | None = None
        self.callbacks = Waiters(self._arm, self._disarm)

    def _arm(self) -> None:
        if self._call is None:
            env = self._node.env
            self._call = env.call_later(max(0.0, self._at_s - env.now), self._expire)

    def _disarm(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _expire(self, _: object) -> None:
        if self._epoch == self._node._epoch:
            self._node._when_up(self._happen)

    def _happen(self) -> None:
        if self.callbacks is not None:
            fire(self)
