"""Carriers: how a message crosses the network, at three fidelities with one interface.

All agree when one message is under way at a time: it takes its latency plus size / bandwidth. They differ in who
waits for whom: nobody ("latency"), messages that share a node's interface ("nic"), or messages that share any
link of their routes ("flow").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from simcluster.cluster.message import Message
from simcluster.engine import Environment, ScheduledCall, pending_calls

Arrive = Callable[[Message], object]
Bottleneck = Callable[[str, str], float | None]
"""The least bandwidth of the links between two nodes' interfaces, ``None`` where they set no limit."""


class Carrier(Protocol):
    """Takes messages from a sender's interface to a receiver's."""

    def attach(self, name: str, bytes_per_s: float | None) -> None:
        """Give a node its interface."""
        ...

    def carry(self, message: Message, latency_s: float) -> None:
        """Bring a message to its target."""
        ...

    def throttle(self, name: str, factor: float) -> None:
        """Let an interface work at its bandwidth divided by ``factor``."""
        ...

    def recall_unsent(self, source: str) -> list[Message]:
        """Take back the messages of ``source`` that are not on the wire yet."""
        ...

    def under_way(self) -> list[Message]:
        """The messages that have not arrived, each as often as there are copies of it."""
        ...


@dataclass(slots=True)
class Interface:
    """A node's network interface: its bandwidth, when each direction is free, and what waits to be sent."""

    nominal_bytes_per_s: float | None
    bytes_per_s: float | None
    send_free_s: float = 0.0
    receive_free_s: float = 0.0
    unsent: deque[tuple[float, ScheduledCall, Message]] = field(default_factory=deque)

    def throttle(self, factor: float) -> None:
        """Work at the nominal bandwidth divided by ``factor`` from now on."""
        if self.nominal_bytes_per_s is not None:
            self.bytes_per_s = self.nominal_bytes_per_s / factor


def slower(one: float | None, other: float | None) -> float | None:
    """The smaller of two bandwidths, where ``None`` is no limit."""
    if one is None or (other is not None and other < one):
        return other
    return one


class LatencyCarrier:
    """Nobody waits for anybody: each message takes latency + size / bandwidth."""

    def __init__(self, env: Environment, arrive: Arrive, bottleneck: Bottleneck | None = None) -> None:
        self._env = env
        self._arrive = arrive
        self._bottleneck = bottleneck
        self._interfaces: dict[str, Interface] = {}

    def attach(self, name: str, bytes_per_s: float | None) -> None:
        """Give a node its interface."""
        self._interfaces[name] = Interface(bytes_per_s, bytes_per_s)

    def carry(self, message: Message, latency_s: float) -> None:
        """Bring a message to its target."""
        rate = slower(self._interfaces[message.source].bytes_per_s, self._interfaces[message.target].bytes_per_s)
        if self._bottleneck is not None:
            rate = slower(rate, self._bottleneck(message.source, message.target))
        hold_s = 0.0 if rate is None else message.size_bytes / rate
        self._env.call_later(latency_s + hold_s, self._arrive, message)

    def throttle(self, name: str, factor: float) -> None:
        """Let an interface work at its bandwidth divided by ``factor``."""
        self._interfaces[name].throttle(factor)

    def recall_unsent(self, source: str) -> list[Message]:
        """Nothing waits here, so there is nothing to take back."""
        return []

    def under_way(self) -> list[Message]:
        """The messages that have not arrived."""
        return [argument for function, argument in pending_calls(self._env) if function == self._arrive]


class NicCarrier:
    """Cut-through between two interfaces, each of which serves one message at a time in each direction.

    A message begins when its sender's interface is free, its first bit is at the receiver's ``latency_s`` later,
    and it holds either for size / (the slower one's bandwidth). So a broadcast queues where it leaves and incast
    queues where it arrives.
    """

    def __init__(self, env: Environment, arrive: Arrive, bottleneck: Bottleneck | None = None) -> None:
        self._env = env
        self._arrive = arrive
        self._bottleneck = bottleneck
        self._interfaces: dict[str, Interface] = {}

    def attach(self, name: str, bytes_per_s: float | None) -> None:
        """Give a node its interface."""
        self._interfaces[name] = Interface(bytes_per_s, bytes_per_s)

    def throttle(self, name: str, factor: float) -> None:
        """Let an interface work at its bandwidth divided by ``factor``; what has begun goes on as it began."""
        self._interfaces[name].throttle(factor)

    def carry(self, message: Message, latency_s: float) -> None:
        """Bring a message to its target."""
        env = self._env
        sender = self._interfaces[message.source]
        rate, other = sender.bytes_per_s, self._interfaces[message.target].bytes_per_s
        if rate is None or (other is not None and other < rate):
            rate = other
        if self._bottleneck is not None:
            rate = slower(rate, self._bottleneck(message.source, message.target))
        if rate is None or not message.size_bytes:
            env.call_later(latency_s, self._arrive, message)
            return
        now, hold_s = env.now, message.size_bytes / rate
        begin_s = sender.send_free_s
        if begin_s <= now:
            sender.send_free_s = now + hold_s
            env.call_later(latency_s, self._reach, (message, hold_s))
            return
        sender.send_free_s = begin_s + hold_s
        call = env.call_later(begin_s - now + latency_s, self._reach, (message, hold_s))
        unsent = sender.unsent
        while unsent and unsent[0][0] <= now:
            unsent.popleft()
        unsent.append((begin_s, call, message))

    def recall_unsent(self, source: str) -> list[Message]:
        """Take back the messages of ``source`` that are not on the wire yet; the one that is goes on."""
        sender = self._interfaces[source]
        unsent = [entry for entry in sender.unsent if entry[0] > self._env.now]
        if unsent:
            sender.send_free_s = unsent[0][0]  # the end of the message that is on the wire
        for _, call, _ in unsent:
            call.cancel()
        sender.unsent.clear()
        return [message for _, _, message in unsent]

    def under_way(self) -> list[Message]:
        """The messages that have not arrived, nor reached the receiver's interface."""
        calls = pending_calls(self._env)
        coming = [argument[0] for function, argument in calls if function == self._reach]
        return coming + [argument for function, argument in calls if function == self._arrive]

    def _reach(self, arrival: tuple[Message, float]) -> None:
        """The first bit is at the receiver's interface."""
        message, hold_s = arrival
        receiver = self._interfaces[message.target]
        now, free_s = self._env.now, receiver.receive_free_s
        if free_s < now:
            free_s = now
        receiver.receive_free_s = free_s = free_s + hold_s
        self._env.call_later(free_s - now, self._arrive, message)
