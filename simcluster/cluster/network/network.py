"""The network: every message gets a verdict, a delay, and a record."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from simcluster.cluster.failure import Failure, LinkDown, NodeDown, Overloaded, Partitioned
from simcluster.cluster.machine.slowdown import MOST, Slowdowns
from simcluster.cluster.messages.message import HEADER_BYTES, Message, freeze
from simcluster.cluster.messages.verdict import Released, Rule, judge
from simcluster.cluster.network.carrier import Carrier, by_id
from simcluster.cluster.network.fabric import Fabric
from simcluster.cluster.network.flow_carrier import FlowCarrier
from simcluster.cluster.network.links import Links
from simcluster.cluster.network.loss import loss
from simcluster.cluster.network.message_path import LatencyCarrier, NicCarrier, Transport
from simcluster.cluster.network.network_spec import NetworkSpec
from simcluster.cluster.network.order import FifoOrder
from simcluster.engine import Constant, hint, stream

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster
    from simcluster.cluster.node import Node

InFlight = Literal["deliver", "drop", "hold"]
"""What becomes of messages that are under way when a fault begins."""


_REPORTED: dict[str, type[Failure]] = {
    "target_down": NodeDown,
    "target_left": NodeDown,
    "node_down": NodeDown,
    "paused": NodeDown,
    "partition": Partitioned,
    "overloaded": Overloaded,
}
"""What the causes are reported as; any other is ``LinkDown``."""

_SILENT = ("loss", "lose_messages", "corrupted", "corrupt_messages", "source_down")


class Network(Transport):
    """The links between all nodes of a cluster.

    A copy of a message is at every moment in one of these states, and a fault can do to it what stands beside:

    ==============================  =================================================================================
    set out                         every rule in force is asked: the first that drops or holds decides; delays add,
                                    each duplicate is one more copy, whose place in the order is right behind it, but
                                    no copy is duplicated again; damage and lies stay, whatever becomes of it
    waiting at its sender's         a crash of the sender drops it ("source_down"); a throttle changes the bandwidth
    interface ("nic" only)          at which it will go; recalled like what is on the wire
    on the wire, or waiting to be   recalled when a fault begins whose ``in_flight`` is "drop" or "hold": it loads no
    taken in, or (fifo) for its     link any more, and is dropped or held; what waited behind it moves up at once
    turn
    held by a rule                  nothing but the end of that rule changes it; then it is released: it sets out anew,
                                    in the order of sending, and meets the rules that are in force then
    delivered                       to a node that is up or paused, with room in its inbox
    dropped                         with its cause; for good
    ==============================  =================================================================================

    On a fifo network a message keeps its place in the order while it is held: later ones of its link wait for it.
    What a node sends to itself crosses no link: no latency, no bandwidth, no loss.
    """

    _nodes: dict[str, Node]

    def __init__(self, cluster: Cluster, spec: NetworkSpec, fabric: Fabric | None = None) -> None:
        super().__init__(cluster.env, cluster.nodes, cluster.trace, Message, freeze, HEADER_BYTES)
        self.spec = spec
        self._seed = cluster.seed if spec.seed is None else spec.seed
        self._latencies: dict[tuple[str, ...], np.random.Generator] = {}
        self._constant_latency_s = spec.latency.value if isinstance(spec.latency, Constant) else None
        self.links = None if fabric is None else Links(fabric)
        self._route_latencies: dict[tuple[str, str], float] = {}
        if fabric is not None:
            self._constant_latency_s = None
        self._carrier = self._make_carrier()
        self._order = FifoOrder() if spec.order == "fifo" else None
        self._throttles: dict[str, Slowdowns] = {}
        self._nominal_bytes_per_s: dict[str, float] = {}
        self._throttled: dict[object, dict[str, None]] = {}  # whose interfaces, by the key of the throttle
        self._damaged: set[int] = set()
        self._copies: dict[int, int] = {}  # of each message that was duplicated, those that are not lost
        self._accounts = self._order is not None
        self._held: dict[Rule, list[Message]] = {}
        self._claimed: dict[int, str] = {}  # of each message that is sent in another's name, whose
        self.refused: Counter[str] = Counter()
        if spec.loss_probability:
            self.rules[loss(spec.loss_probability, self._seed, "network")] = None
        self._own_rules = len(self.rules)
        recorder = cluster.trace.recorder
        self._record_duplicate = recorder("duplicate", "message", "source", "target")
        self._record_hold = recorder("hold", "message", "source", "target")
        self._record_release = recorder("release", "message", "source", "target")
        self._record_drop = recorder("drop", "message", "source", "target", "message_kind", "cause")

    @property
    def at_baseline(self) -> bool:
        """Whether no rule but the specification's own is in force, nothing is held and nothing throttled."""
        return len(self.rules) == self._own_rules and not self._held and not self.throttled

    @property
    def throttled(self) -> bool:
        """Whether any interface or link is."""
        return bool(self._throttled) or (self.links is not None and self.links.throttled)

    @property
    def held(self) -> int:
        """Messages that wait in the network for a rule to be removed."""
        return sum(len(messages) for messages in self._held.values())

    @property
    def waiting(self) -> int:
        """Messages that wait at an interface, that are held, or that wait for their turn on a fifo network."""
        return self.held + self._carrier.waiting + self.out_of_turn.total()

    @property
    def out_of_turn(self) -> Counter[int]:
        """How many copies of each message have arrived and wait for earlier ones, on a fifo network."""
        return Counter() if self._order is None else self._order.waiting

    def attach(self, name: str, bytes_per_s: float | None) -> None:
        """Give a node its interface."""
        self._names.add(name)
        nominal = bytes_per_s or self.spec.bandwidth_bytes_per_s
        self._nominal_bytes_per_s[name] = nominal or math.inf
        self._carrier.attach(name, nominal)

    def knows(self, name: str) -> bool:
        """Whether a node of this name is, or was, in the cluster."""
        return name in self._names

    def route(self, source: str, target: str) -> tuple[str, ...]:
        """The names of the links that messages pass from one node to another: none to itself or without a topology.

        Raises ``ValueError`` for a name that no node has, or had.
        """
        for field, name in (("source", source), ("target", target)):
            if name not in self._names:
                raise self._unknown(field, name)
        return () if self.links is None else self.links.names(source, target)

    def expected_s(self, source: str, target: str, size_bytes: float) -> float:
        """How long so many bytes are expected to take, with nothing else under way and nothing wrong.

        Latencies, and the bytes over the least bandwidth of both interfaces and the route. Raises as ``route`` does.
        """
        self.route(source, target)
        if not 0 <= size_bytes < math.inf:
            raise ValueError(f"size_bytes must be finite and at least 0, got {size_bytes}")
        if source == target:
            return 0.0
        bandwidths = [self._nominal_bytes_per_s[source], self._nominal_bytes_per_s[target]]
        if self.links is not None:
            bandwidths.append(self.links.fabric.bandwidth_bytes_per_s(source, target) or math.inf)
        return self.spec.latency.mean + self._route_latency_s(source, target) + size_bytes / min(bandwidths)

    def extend(self, name: str, rack: str | None, zone: str | None) -> None:
        """Join a new node to the topology, if there is one. Raises ``ValueError`` where it has no place for it."""
        if self.links is not None and self.spec.topology is not None:
            self.links.lay(self.spec.topology.join(self.links.fabric, name, rack, zone))
            self._carrier.replan()

    def _unknown(self, field: str, name: object) -> ValueError:
        """What is said of a name that no node has, or had; ``name`` may be a node in the place of its name."""
        known = list(self._nodes)
        meant = hint(getattr(name, "name", name), known)
        return ValueError(f"{field} must be a node of the cluster, got {name!r}{meant}; its nodes are {known[:12]}")

    # The way of a message

    def _meet(self, message: Message, latency_s: float) -> bool:
        """Do to a message what the rules say; false when they say nothing."""
        fate = judge(self.rules, message)
        if fate is None:
            return False
        anew = isinstance(message, Released)  # it has its place in the order
        if fate.rewrite is not None:
            message = message._replace(body=freeze(fate.rewrite.body)[0])
            if fate.rewrite.by_sender:
                self._tag(message)
        if fate.corrupt:
            self._damaged.add(message.id)
            self._accounts = True
        if fate.dropped is not None:
            self._lose(message, fate.dropped.cause)
            if anew:
                self._pass_over(message)
        elif fate.held_by is not None:
            self._queue_up(message, anew)
            self._hold(message, fate.held_by)
        else:
            self._queue_up(message, anew)
            self._bring(message, latency_s + fate.delay_s)
            self._duplicate(message, [latency_s + fate.delay_s + delay_s for delay_s in fate.copies])
        return True

    def _duplicate(self, message: Message, latencies_s: list[float]) -> None:
        """Send copies of a message, each with its place right behind it; a message is duplicated once at most."""
        if not latencies_s or message.id in self._copies:
            return
        self._copies[message.id] = 1 + len(latencies_s)
        for latency_s in latencies_s:
            self._record_duplicate(message.id, message.source, message.target)
            if self._order is not None:
                self._order.copied(message)
            self._bring(message, latency_s)

    def _carry(self, message: Message, latency_s: float) -> None:
        self._queue_up(message, False)
        self._bring(message, latency_s)

    def _queue_up(self, message: Message, has_place: bool) -> None:
        """Give a copy its place in the order, if there is one and it has none."""
        if self._order is not None and not has_place:
            self._order.sent(message)

    def _bring(self, message: Message, latency_s: float) -> None:
        if message.source == message.target:
            self._env.call_later(0.0, self._arrive, message)
        else:
            self._carrier.carry(message, latency_s)

    def _account(self, message: Message) -> None:
        """A message arrives of which something may have to be looked up: was it damaged, is it next?"""
        if message.id in self._damaged:
            self._drop(message, "corrupted")
        elif self._order is None:
            self._deliver(message)
        else:
            for ready in self._order.arrived(message):
                self._deliver(ready)

    def _drop(self, message: Message, cause: str) -> None:
        self._lose(message, cause)
        self._pass_over(message)

    def _pass_over(self, message: Message) -> None:
        """A copy that has a place in the order will never arrive: others need not wait for it."""
        if self._order is not None:
            for ready in self._order.lost(message):
                self._deliver(ready)

    def _lose(self, message: Message, cause: str) -> None:
        """Record that a message is dropped; where failures are reported, tell the program that asks.

        Of several copies the last that is lost is reported, and none when one was delivered.
        """
        self._record_drop(*message[:4], cause)
        if message.id in self._copies:
            self._copies[message.id] -= 1
            if self._copies[message.id]:
                return
        if self.spec.failures == "reported" and message.request_id is not None and cause not in _SILENT:
            source = self._nodes.get(message.source)
            if source is not None:
                rule = f"no {message.kind!r} reached {message.target}: {cause} at {self._env.now} s"
                failure = _REPORTED.get(cause, LinkDown)(rule)
                self._env.call_later(0.0, source.refuse, (message.request_id, message.id, failure))

    def _make_carrier(self) -> Carrier:
        links, env, arrive = self.links, self._env, self._arrive
        if self.spec.fidelity == "flow":
            if links is None:
                return FlowCarrier(env, arrive)
            flows = FlowCarrier(env, arrive, links.route)
            links.share(flows)
            return flows
        carrier = NicCarrier if self.spec.fidelity == "nic" else LatencyCarrier
        return carrier(env, arrive, None if links is None else links.bottleneck)

    def _latency_s(self, source: str, target: str, *purpose: str) -> float:
        if self._constant_latency_s is not None:
            return self._constant_latency_s
        latency_s = self._route_latency_s(source, target)
        if isinstance(self.spec.latency, Constant):
            return latency_s + self.spec.latency.value
        generator = self._latencies.get((source, target, *purpose))
        if generator is None:
            generator = stream(self._seed, "network", source, target, *purpose)
            self._latencies[source, target, *purpose] = generator
        return latency_s + self.spec.latency.sample(generator)

    def _route_latency_s(self, source: str, target: str) -> float:
        if self.links is None:
            return 0.0
        known = self._route_latencies.get((source, target))
        if known is None:
            known = self._route_latencies[source, target] = self.links.fabric.latency_s(source, target)
        return known

    def _deliver(self, message: Message) -> None:
        super()._deliver(self.as_received(message))

    def _tag(self, message: Message) -> None:
        """Nobody asks whose a message is."""

    # What faults do to it

    def spoof(self, message: Message, source: str, overheard: Message | None = None) -> None:
        """Send a message, which leaves where it is written, as one of ``source``: so it is received, if it is.

        It may be one that was ``overheard``, as that stands.
        """
        self._claimed[message.id] = source
        self._accounts = True
        self.send(message)

    def is_spoofed(self, message: Message) -> bool:
        """Whether a message is sent in another's name."""
        return message.id in self._claimed

    def as_received(self, message: Message) -> Message:
        """A message as its target has it: from whom it says to be."""
        claimed = self._claimed.get(message.id)
        return message if claimed is None else message._replace(source=claimed)

    def add(self, rule: Rule) -> None:
        """Put a rule in force, after those that are. Raises ``ValueError`` for one that is in force already."""
        if rule in self.rules:
            raise ValueError(f"a rule must be removed before it is added again, got {rule!r}")
        self.rules[rule] = None

    def remove(self, rule: Rule) -> None:
        """Take a rule back; what it held sets out anew, in the order in which it was sent."""
        del self.rules[rule]
        for message in sorted(self._held.pop(rule, ()), key=by_id):
            self._record_release(*message[:3])
            # From a stream of its own: a hold must not shift the draws of what is sent later.
            latency_s = self._latency_s(message.source, message.target, "release")
            released = Released(*message)
            if not (self.rules and self._meet(released, latency_s)):
                self._bring(released, latency_s)

    def recall(self, matches: Callable[[Message], bool], rule: Rule, in_flight: InFlight, cause: str) -> None:
        """Say what becomes of the messages under way that ``matches``: they are lost, or wait for ``rule`` to end."""
        if in_flight == "deliver":
            return
        recalled = self._carrier.recall(matches)
        if self._order is not None:
            recalled = sorted(recalled + self._order.recall(matches), key=by_id)
        for message in recalled:
            if in_flight == "drop":
                self._drop(message, cause)
            else:
                self._hold(message, rule)

    def throttle(self, key: object, nodes: tuple[str, ...], factor: float) -> None:
        """Divide the bandwidth of these nodes' interfaces by ``factor`` until ``unthrottle(key)``."""
        if not 0 < factor < math.inf:
            raise ValueError(f"factor must be finite and greater than 0, got {factor}")
        for name in nodes:
            self._throttles.setdefault(name, Slowdowns(1 / MOST)).begin(key, factor)
            self._throttled.setdefault(key, {})[name] = None
            self._carrier.throttle(name, self._throttles[name].product)
        self._carrier.replan()

    def throttle_link(self, key: object, link: str, factor: float) -> None:
        """Divide the bandwidth of one link of the topology, named "source->target", until ``unthrottle(key)``.

        Raises ``ValueError`` where there is no such link.
        """
        if not 0 < factor < math.inf:
            raise ValueError(f"factor must be finite and greater than 0, got {factor}")
        if self.links is None:
            raise ValueError(f"only a network with a topology has links to throttle, got {link!r} without one")
        self.links.throttle(key, link, factor)
        self._carrier.replan()

    def unthrottle(self, key: object) -> None:
        """Take one throttle back."""
        for name in self._throttled.pop(key, ()):
            self._throttles[name].end(key)
            self._carrier.throttle(name, self._throttles[name].product)
        if self.links is not None:
            self.links.unthrottle(key)
        self._carrier.replan()

    def forget_unsent(self, source: str) -> None:
        """Drop what still waits at the interface of a node that crashes; what is on the wire goes on."""
        for message in self._carrier.recall_unsent(source):
            self._drop(message, "source_down")

    def _hold(self, message: Message, rule: Rule) -> None:
        self._record_hold(*message[:3])
        self._held.setdefault(rule, []).append(message)
