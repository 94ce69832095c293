"""The network: every message gets a verdict, a delay, and a record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.cluster.message import HEADER_BYTES, Message, freeze
from simcluster.engine import Constant, Distribution, Positive, Probability, ScheduledCall, Spec, stream

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster


class NetworkSpec(Spec):
    """One switch between all nodes.

    A message begins when its sender's interface is free, its first bit arrives ``latency`` later, and it holds
    each of the two interfaces for size / (the slower one's bandwidth): cut-through switching, with a queue at
    either end. ``bandwidth_bytes_per_s=None`` means interfaces that never queue. ``latency`` is drawn per
    message from the link's own stream, so messages may overtake each other, as datagrams do. ``seed`` gives the
    network draws of its own, whatever the run's seed.
    """

    latency: Distribution = Constant(value=0.0005)
    bandwidth_bytes_per_s: Positive | None = 1.25e8
    loss_probability: Probability = 0.0
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """The verdict that a message is lost, and why."""

    cause: str


Rule = Callable[[Message], Drop | None]
"""Sees every message as it is sent; ``None`` lets it pass. Of several rules the first verdict counts."""


@dataclass(slots=True)
class Interface:
    """A node's network interface: when each direction is free, and what waits to be sent."""

    bytes_per_s: float | None
    send_free_s: float = 0.0
    receive_free_s: float = 0.0
    unsent: deque[tuple[float, ScheduledCall, Message]] = field(default_factory=deque)


class Network:
    """The links between all nodes of a cluster."""

    def __init__(self, cluster: Cluster, spec: NetworkSpec) -> None:
        self._cluster = cluster
        self._env = cluster.env
        self.spec = spec
        self._seed = cluster.seed if spec.seed is None else spec.seed
        self._ids = count()
        self._interfaces: dict[str, Interface] = {}
        self._latencies: dict[tuple[str, str], np.random.Generator] = {}
        self.rules: list[Rule] = []
        if spec.loss_probability:
            self.rules.append(loss(spec.loss_probability, self._seed, "network"))
        recorder = cluster.trace.recorder
        self._record_send = recorder("send", "message", "source", "target", "message_kind", "size_bytes")
        self._record_deliver = recorder("deliver", "message", "source", "target", "message_kind")
        self._record_drop = recorder("drop", "message", "source", "target", "message_kind", "cause")

    def attach(self, name: str, bytes_per_s: float | None) -> None:
        """Give a node its interface."""
        self._interfaces[name] = Interface(bytes_per_s or self.spec.bandwidth_bytes_per_s)

    def new_id(self) -> int:
        """A number that no other message or request of this run has."""
        return next(self._ids)

    def write(
        self,
        source: str,
        target: str,
        kind: str,
        body: Any,
        size_bytes: float | None,
        request_id: int | str | None = None,
        reply_to: int | str | None = None,
    ) -> Message:
        """Make a message, immutable. Raises ``ValueError`` for an unknown target or a negative size."""
        if target not in self._interfaces:
            raise ValueError(f"target must be a node of the cluster, got {target!r}")
        frozen, own_bytes = freeze(body)
        if size_bytes is None:
            size_bytes = HEADER_BYTES + own_bytes
        elif not size_bytes >= 0:
            raise ValueError(f"size_bytes must be at least 0, got {size_bytes}")
        return Message(self.new_id(), source, target, kind, frozen, size_bytes, request_id, reply_to)

    def send(self, message: Message) -> None:
        """Judge a message and put it on its way."""
        _, source, target, kind, _, size_bytes, _, _ = message
        self._record_send(message.id, source, target, kind, size_bytes)
        # All rules are asked and the latency is drawn whatever the verdict, so that no draw depends on another.
        verdicts = [rule(message) for rule in self.rules]
        latency_s = self._latency_s(source, target)
        for verdict in verdicts:
            if verdict is not None:
                self._drop(message, verdict.cause)
                return
        if source == target:
            self._env.call_later(0.0, self._deliver, message)
            return
        now = self._env.now
        sender = self._interfaces[source]
        hold_s = self._hold_s(sender, self._interfaces[target], size_bytes)
        while sender.unsent and sender.unsent[0][0] <= now:
            sender.unsent.popleft()
        begin_s = max(now, sender.send_free_s)
        sender.send_free_s = begin_s + hold_s
        call = self._env.call_later(begin_s - now + latency_s, self._reach, (message, hold_s))
        if begin_s > now:
            sender.unsent.append((begin_s, call, message))

    def forget_unsent(self, source: str) -> None:
        """Drop what still waits at the interface of a node that crashes; what is on the wire goes on."""
        sender = self._interfaces[source]
        now = self._env.now
        unsent = [entry for entry in sender.unsent if entry[0] > now]
        if unsent:
            sender.send_free_s = unsent[0][0]  # the end of the message that is on the wire
        for _, call, message in unsent:
            call.cancel()
            self._drop(message, "source_down")
        sender.unsent.clear()

    def _latency_s(self, source: str, target: str) -> float:
        if isinstance(self.spec.latency, Constant):
            return self.spec.latency.value
        generator = self._latencies.get((source, target))
        if generator is None:
            generator = self._latencies[source, target] = stream(self._seed, "network", source, target)
        return self.spec.latency.sample(generator)

    def _hold_s(self, sender: Interface, receiver: Interface, size_bytes: float) -> float:
        rates = [rate for rate in (sender.bytes_per_s, receiver.bytes_per_s) if rate is not None]
        return size_bytes / min(rates) if rates else 0.0

    def _reach(self, arrival: tuple[Message, float]) -> None:
        """The first bit is at the receiver's interface."""
        message, hold_s = arrival
        if not hold_s:
            self._deliver(message)
            return
        now = self._env.now
        receiver = self._interfaces[message.target]
        receiver.receive_free_s = max(now, receiver.receive_free_s) + hold_s
        self._env.call_later(receiver.receive_free_s - now, self._deliver, message)

    def _deliver(self, message: Message) -> None:
        """The last bit is at the receiver."""
        node = self._cluster.nodes[message.target]
        if node.state == "down":
            self._drop(message, "target_down")
            return
        self._record_deliver(message.id, message.source, message.target, message.kind)
        node.deliver(message)

    def _drop(self, message: Message, cause: str) -> None:
        self._record_drop(message.id, message.source, message.target, message.kind, cause)


def loss(probability: float, seed: int, *name: str | int) -> Rule:
    """A rule that loses each message with ``probability``, by draws of its own for each link."""
    generators: dict[tuple[str, str], np.random.Generator] = {}
    lost = Drop("loss")

    def judge(message: Message) -> Drop | None:
        link = (message.source, message.target)
        generator = generators.get(link)
        if generator is None:
            generator = generators[link] = stream(seed, *name, "loss", *link)
        return lost if generator.random() < probability else None

    return judge
