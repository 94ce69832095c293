"""Carriers: how a message crosses the network, at three fidelities with one interface.

All agree when one message is under way at a time: it takes its latency plus size / bandwidth. They differ in who
waits for whom: nobody ("latency"), messages that share a node's interface ("nic"), or messages that share any
link of their routes ("flow").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Protocol

from simcluster.cluster.messages.message import Message, whole
from simcluster.engine import Environment, ScheduledCall

Arrive = Callable[[Message], object]
Matches = Callable[[Message], bool]
Bottleneck = Callable[[str, str], float | None]
"""The least bandwidth of the links between two nodes' interfaces, ``None`` where they set no limit."""

by_id = attrgetter("id")
"""Messages in the order in which they were sent."""


class Carrier(Protocol):
    """Takes messages from a sender's interface to a receiver's."""

    @property
    def waiting(self) -> int:
        """How many messages wait at interfaces for others to leave or to be taken in."""
        ...

    def attach(self, name: str, bytes_per_s: float | None) -> None:
        """Give a node its interface."""
        ...

    def carry(self, message: Message, latency_s: float) -> None:
        """Bring a message to its target."""
        ...

    def throttle(self, name: str, factor: float) -> None:
        """Let an interface work at its bandwidth divided by ``factor``; ``replan`` applies it to what waits."""
        ...

    def replan(self) -> None:
        """Bandwidths have changed: what waits at an interface will go, and be taken in, at what they are now."""
        ...

    def recall(self, matches: Matches) -> list[Message]:
        """Take back what ``matches`` and has not arrived, each copy, in the order of sending; it loads no link more."""
        ...

    def recall_unsent(self, source: str) -> list[Message]:
        """Take back the messages of ``source`` that are not on the wire yet."""
        ...


@dataclass(slots=True, eq=False)
class Interface:
    """A node's network interface: its bandwidth, when each direction is free, and what waits in each.

    ``unsent`` waits to be sent; ``receiving`` has arrived with its first bit, and is taken in one after the other.
    """

    nominal_bytes_per_s: float | None
    bytes_per_s: float | None
    send_free_s: float = 0.0
    receive_free_s: float = 0.0
    unsent: deque[Passage] = field(default_factory=deque)
    receiving: deque[Passage] = field(default_factory=deque)

    def throttle(self, factor: float) -> None:
        """Work at the nominal bandwidth divided by ``factor`` from now on."""
        if self.nominal_bytes_per_s is not None:
            self.bytes_per_s = self.nominal_bytes_per_s / factor


@dataclass(slots=True, eq=False)
class Passage:
    """A message under way: it leaves its sender's interface at ``begin_s`` and holds it for ``hold_s``.

    ``way_bytes_per_s`` is what the sender and the links between allow as it begins, ``receiver_bytes_per_s`` what the
    receiver does. Once its first bit is at the receiver's interface that takes it in from ``start_s`` to ``end_s``.
    """

    message: Message
    sender: Interface
    receiver: Interface
    latency_s: float
    begin_s: float
    hold_s: float = 0.0
    way_bytes_per_s: float | None = None
    receiver_bytes_per_s: float | None = None
    start_s: float = 0.0
    end_s: float = 0.0
    call: ScheduledCall | None = None


def slower(one: float | None, other: float | None) -> float | None:
    """The smaller of two bandwidths, where ``None`` sets no limit."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


class LatencyCarrier:
    """Nobody waits for anybody: each message takes latency + size / bandwidth."""

    def __init__(self, env: Environment, arrive: Arrive, bottleneck: Bottleneck | None = None) -> None:
        self._env = env
        self._arrive = arrive
        self._bottleneck = bottleneck
        self._interfaces: dict[str, Interface] = {}
        self._passages: dict[Passage, None] = {}  # all that are under way

    @property
    def waiting(self) -> int:
        """How many messages wait at interfaces for others to leave or to be taken in."""
        now = self._env.now
        return sum(
            sum(passage.begin_s > now for passage in interface.unsent)
            + sum(passage.start_s > now for passage in interface.receiving)
            for interface in self._interfaces.values()
        )

    def attach(self, name: str, bytes_per_s: float | None) -> None:
        """Give a node its interface."""
        self._interfaces[name] = Interface(bytes_per_s, bytes_per_s)

    def throttle(self, name: str, factor: float) -> None:
        """Let an interface work at its bandwidth divided by ``factor``; what has begun goes on as it began."""
        self._interfaces[name].throttle(factor)

    def replan(self) -> None:
        """Nothing waits here."""

    def carry(self, message: Message, latency_s: float) -> None:
        """Bring a message to its target."""
        whole(message)
        passage = self._passage(message, latency_s)
        rate = slower(passage.way_bytes_per_s, passage.receiver_bytes_per_s)
        self._finish_after(passage, latency_s + (0.0 if rate is None else message.size_bytes / rate))

    def recall(self, matches: Matches) -> list[Message]:
        """Take back what ``matches`` and has not arrived, each copy, in the order of sending."""
        recalled = [passage for passage in self._passages if matches(passage.message)]
        recalled.sort(key=lambda passage: passage.message.id)
        for passage in recalled:
            self._take_back(passage)
        self._close_gaps(recalled)
        return [passage.message for passage in recalled]

    def recall_unsent(self, source: str) -> list[Message]:
        """Nothing waits here, so there is nothing to take back."""
        return []

    def _take_back(self, passage: Passage) -> None:
        assert passage.call is not None
        passage.call.cancel()
        del self._passages[passage]

    def _close_gaps(self, recalled: list[Passage]) -> None:
        """Let others use what the recalled have used."""

    def _passage(self, message: Message, latency_s: float) -> Passage:
        sender, receiver = self._interfaces[message.source], self._interfaces[message.target]
        passage = Passage(message, sender, receiver, latency_s, self._env.now)
        self._measure(passage)
        self._passages[passage] = None
        return passage

    def _measure(self, passage: Passage) -> None:
        """Note what bandwidths there are now."""
        message = passage.message
        passage.way_bytes_per_s = passage.sender.bytes_per_s
        if self._bottleneck is not None:
            limit = self._bottleneck(message.source, message.target)
            passage.way_bytes_per_s = slower(passage.way_bytes_per_s, limit)
        passage.receiver_bytes_per_s = passage.receiver.bytes_per_s

    def _finish_after(self, passage: Passage, delay_s: float) -> None:
        passage.call = self._env.call_later(delay_s, self._finish, passage)

    def _finish(self, passage: Passage) -> None:
        """The last bit is at the receiver's interface."""
        del self._passages[passage]
        self._arrive(passage.message)


class NicCarrier(LatencyCarrier):
    """Cut-through between two interfaces, each of which serves one message at a time in each direction.

    A message begins when its sender's interface is free, its first bit is at the receiver's ``latency_s`` later,
    and it holds either for size / (the slower one's bandwidth); one without a bandwidth serves all at once. So a
    broadcast queues where it leaves and incast queues where it arrives. What has begun goes on as it began; what waits
    goes at the bandwidth that there is when its turn comes, and moves up when what is before it is recalled.
    """

    def carry(self, message: Message, latency_s: float) -> None:
        """Bring a message to its target."""
        whole(message)
        env = self._env
        passage = self._passage(message, latency_s)
        rate = slower(passage.way_bytes_per_s, passage.receiver_bytes_per_s)
        if rate is None or not message.size_bytes:
            self._finish_after(passage, latency_s)
            return
        sender, now = passage.sender, env.now
        passage.hold_s = message.size_bytes / rate
        begin_s = sender.send_free_s
        if begin_s <= now:
            if sender.bytes_per_s is not None:
                sender.send_free_s = now + passage.hold_s
            passage.call = env.call_later(latency_s, self._reach, passage)
            return
        passage.begin_s = begin_s
        sender.send_free_s = begin_s + passage.hold_s
        passage.call = env.call_later(begin_s - now + latency_s, self._reach, passage)
        while sender.unsent and sender.unsent[0].begin_s <= now:
            sender.unsent.popleft()
        sender.unsent.append(passage)

    def replan(self) -> None:
        """Bandwidths have changed: what waits at an interface will go, and be taken in, at what they are now."""
        now = self._env.now
        for interface in self._interfaces.values():
            waiting = [passage for passage in interface.unsent if passage.begin_s > now]
            if waiting:
                self._plan_sending(interface, waiting, waiting[0].begin_s)
        for interface in self._interfaces.values():
            if interface.receiving:
                self._plan_receiving(interface)

    def recall_unsent(self, source: str) -> list[Message]:
        """Take back the messages of ``source`` that are not on the wire yet; the one that is goes on."""
        sender = self._interfaces[source]
        unsent = [passage for passage in sender.unsent if passage.begin_s > self._env.now]
        if unsent:
            sender.send_free_s = unsent[0].begin_s  # the end of the message that is on the wire
        for passage in unsent:
            self._take_back(passage)
        sender.unsent.clear()
        return [passage.message for passage in unsent]

    def _close_gaps(self, recalled: list[Passage]) -> None:
        now = self._env.now
        gone = dict.fromkeys(passage for passage in recalled if passage.hold_s)
        for sender in dict.fromkeys(passage.sender for passage in gone if passage.begin_s + passage.hold_s > now):
            waiting = [passage for passage in sender.unsent if passage.begin_s > now]
            free_s = waiting[0].begin_s if waiting else sender.send_free_s
            if any(one.sender is sender and one.begin_s <= now < one.begin_s + one.hold_s for one in gone):
                free_s = now
            self._plan_sending(sender, [one for one in waiting if one not in gone], free_s)
        for receiver in dict.fromkeys(passage.receiver for passage in gone):
            left = [passage for passage in receiver.receiving if passage not in gone]
            if len(left) < len(receiver.receiving):
                receiver.receiving = deque(left)
                self._plan_receiving(receiver)

    def _plan_sending(self, sender: Interface, waiting: list[Passage], free_s: float) -> None:
        """Let what waits leave one after the other from ``free_s`` on."""
        now = self._env.now
        sender.unsent.clear()
        for passage in waiting:
            self._measure(passage)
            rate = slower(passage.way_bytes_per_s, passage.receiver_bytes_per_s)
            assert rate is not None
            passage.hold_s = passage.message.size_bytes / rate
            if free_s != passage.begin_s:
                assert passage.call is not None
                passage.call.cancel()
                passage.begin_s = free_s
                passage.call = self._env.call_later(free_s - now + passage.latency_s, self._reach, passage)
            if free_s > now:
                sender.unsent.append(passage)
            free_s += passage.hold_s
        sender.send_free_s = free_s

    def _plan_receiving(self, receiver: Interface) -> None:
        """Take in what has come, one after the other; what has begun to be taken in goes on as it began."""
        now = free_s = self._env.now
        for passage in receiver.receiving:
            if passage.start_s > now:
                before_s = passage.end_s
                passage.start_s = free_s
                passage.end_s = self._taken_in_s(passage)
                if passage.end_s != before_s:
                    assert passage.call is not None
                    passage.call.cancel()
                    self._finish_after(passage, passage.end_s - now)
            free_s = passage.end_s
        receiver.receive_free_s = free_s

    def _reach(self, passage: Passage) -> None:
        """The first bit is at the receiver's interface."""
        receiver, now = passage.receiver, self._env.now
        if receiver.bytes_per_s is None:
            passage.start_s, passage.end_s = now, now + passage.hold_s
            self._finish_after(passage, passage.hold_s)
            return
        passage.start_s = max(now, receiver.receive_free_s)
        receiver.receive_free_s = passage.end_s = self._taken_in_s(passage)
        receiver.receiving.append(passage)
        self._finish_after(passage, passage.end_s - now)

    def _taken_in_s(self, passage: Passage) -> float:
        """When the last bit is in, if that begins at ``start_s``: never before it can have come."""
        rate = passage.receiver.bytes_per_s
        if rate == passage.receiver_bytes_per_s:
            return passage.start_s + passage.hold_s
        rate = slower(passage.way_bytes_per_s, rate)
        assert rate is not None
        sent_s = passage.begin_s + passage.hold_s + passage.latency_s
        return max(passage.start_s + passage.message.size_bytes / rate, sent_s)

    def _finish(self, passage: Passage) -> None:
        if passage.hold_s and passage.receiver.bytes_per_s is not None:
            passage.receiver.receiving.popleft()
        super()._finish(passage)
