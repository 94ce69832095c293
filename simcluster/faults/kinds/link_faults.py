"""Faults of links as such: slow, with a spike of latency, with less bandwidth, up and down by turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.cluster import Cluster, Delay, Drop, Hold, InFlight, Message, Rule, link_of
from simcluster.engine import (
    NUMBER,
    AnyDistribution,
    Constant,
    Distribution,
    NodeNames,
    Positive,
    ScheduledCall,
    Seconds,
    stream,
)
from simcluster.faults.fault import Fault, Fields, Lift, recall
from simcluster.faults.kinds.node_faults import NodeFault
from simcluster.faults.target import named

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


Concerns = Callable[[Message], bool]
_MOST_TURNS = 1_000_000
Crossing = Literal["drop", "hold"]
"""What becomes of messages that are sent where nothing passes: lost, or kept until something passes again."""


class LinkFault(Fault):
    """A fault of what goes from some nodes to some others; a message of a node to itself crosses no link."""

    senders: NodeNames | None = None
    """The nodes that it comes from (``None``: any)."""
    receivers: NodeNames | None = None
    """The nodes that it goes to (``None``: any)."""
    both_ways: bool = False
    """Whether the fault is also of what goes back."""
    in_flight: InFlight = "deliver"
    """What becomes of messages that are on such a link when the fault begins.

    They go on as if nothing were, are dropped, or are held until it ends.
    """

    @property
    def targets(self) -> tuple[str, ...]:
        """The ends of the links, where any are named."""
        return (self.senders or ()) + (self.receivers or ())

    def concerns(self, cluster: Cluster) -> Concerns:
        """Whether a message goes over one of the links that are meant."""
        senders = None if self.senders is None else frozenset(named(cluster, self.senders))
        receivers = None if self.receivers is None else frozenset(named(cluster, self.receivers))
        both_ways = self.both_ways

        def goes(source: str, target: str) -> bool:
            return (senders is None or source in senders) and (receivers is None or target in receivers)

        def concerns(message: Message) -> bool:
            source, target = message.source, message.target
            return source != target and (goes(source, target) or (both_ways and goes(target, source)))

        return concerns

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """What is said of the messages that are sent meanwhile."""
        raise NotImplementedError

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Put the rule in force."""
        concerns = self.concerns(cluster)
        rule = self.rule(cluster, key, concerns)
        return recall(cluster, concerns, self.in_flight, self.cause, rule)


class SlowLink(LinkFault):
    """A link on which a message takes longer.

    What it takes without is the mean latency, with that of the topology's route, plus size / bandwidth of the slowest
    of the two interfaces and the route's links, as they are specified. Interfaces and links are as free as before;
    ``ThrottleBandwidth`` and ``ThrottleLink`` make those slow.
    """

    kind: Literal["slow_link"] = "slow_link"
    factor: Annotated[float, Field(ge=1, allow_inf_nan=False), NUMBER]
    """How many times as long; at least 1."""

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """Delay by what the message takes, times factor − 1."""
        more = self.factor - 1
        return lambda message: Delay(more * alone_s(cluster, message)) if concerns(message) else None

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Slow by a factor from 1.1 to 1000."""
        return {"factor": knobs.log_uniform(1.1, 1000), **knobs.ends()}


def alone_s(cluster: Cluster, message: Message) -> float:
    """What a message takes that is alone in the network, without any fault, in the mean of the latency's draws."""
    network, ends = cluster.network, (message.source, message.target)
    specs = [cluster.nodes[name].spec for name in ends if name in cluster.nodes]
    rates = [spec.nic_bytes_per_s or network.spec.bandwidth_bytes_per_s for spec in specs]
    latency_s = network.spec.latency.mean
    if network.links is not None:
        latency_s += network.links.fabric.latency_s(*ends)
        rates.append(network.links.fabric.bandwidth_bytes_per_s(*ends))
    limits = [rate for rate in rates if rate is not None]
    return latency_s + (message.size_bytes / min(limits) if limits else 0.0)


class SpikeLatency(LinkFault):
    """Messages take longer."""

    kind: Literal["spike_latency"] = "spike_latency"
    extra_s: AnyDistribution = Constant(value=0.1)
    """By how much, drawn for each message from its link's own stream."""

    def rule(self, cluster: Cluster, key: str, concerns: Concerns) -> Rule:
        """Delay each message by a draw from its link's own stream."""
        draw = draws(self.extra_s, cluster.seed, key)
        return lambda message: Delay(draw(message)) if concerns(message) else None

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Up to a tenth of the run in the mean."""
        return {"extra_s": knobs.times(run_s / 1e4, run_s / 10), **knobs.ends()}


class FlapLink(LinkFault):
    """A link goes down and up by turns, first down at ``begin_s``; cause "link_down".

    Each turn lasts at least a millionth of the whole. ``in_flight`` is what becomes of messages under way whenever the
    link goes down: "hold" holds them until it is up again.
    """

    kind: Literal["flap_link"] = "flap_link"
    end_s: Seconds
    """When it is up for good, after ``begin_s``."""
    both_ways: bool = True
    """Whether also what goes back meets the link down."""
    down_s: AnyDistribution
    """How long it is down, drawn anew at each turn."""
    up_s: AnyDistribution
    """How long it is up, drawn anew at each turn."""
    crossing: Crossing = "drop"
    """What becomes of messages that are sent while it is down: they are dropped, or held until it is up again."""

    @model_validator(mode="after")
    def _turns_take_time(self) -> FlapLink:
        for field in ("down_s", "up_s"):
            mean = getattr(self, field).mean
            if not mean > 0:
                raise ValueError(f"{field} must have a mean greater than 0, got {mean}")
        return self

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let the link flap."""
        concerns = self.concerns(cluster)
        generator = stream(cluster.seed, "faults", key, "turns")
        verdict = Drop("link_down") if self.crossing == "drop" else Hold()
        turns: list[ScheduledCall] = []
        repairs: list[Lift] = []

        least_s = (self.end_s - self.begin_s) / _MOST_TURNS

        def later(distribution: Distribution, turn: Callable[[object], None]) -> None:
            turns[:] = [cluster.env.call_later(max(least_s, distribution.sample(generator)), turn)]

        def go_down(_: object) -> None:
            # A rule of its own each time, so that going up releases what this turn held.
            rule: Rule = lambda message: verdict if concerns(message) else None  # noqa: E731
            repairs.append(recall(cluster, concerns, self.in_flight, "link_down", rule))
            later(self.down_s, go_up)

        def go_up(_: object) -> None:
            repairs.pop()()
            later(self.up_s, go_down)

        def settle() -> None:
            turns.pop().cancel()
            while repairs:
                repairs.pop()()

        go_down(None)
        return settle

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Down and up for up to a twentieth of the run in the mean."""
        turns = {field: knobs.times(run_s / 1e3, run_s / 20) for field in ("down_s", "up_s")}
        return {**turns, **knobs.ends()}


class ThrottleBandwidth(NodeFault):
    """The network interface of a node has less bandwidth; overlapping factors multiply.

    It concerns both directions. Where interfaces have no bandwidth, or with the "latency" fidelity, see
    ``NetworkSpec`` for what that means.
    """

    kind: Literal["throttle_bandwidth"] = "throttle_bandwidth"
    factor: Positive
    """What the bandwidth is divided by."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Take bandwidth away."""
        cluster.network.throttle(key, named(cluster, self.targets), self.factor)
        return lambda: cluster.network.unthrottle(key)

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """By a factor from 1.1 to 1000."""
        return {"node": knobs.node(), "factor": knobs.log_uniform(1.1, 1000)}


def draws(distribution: Distribution, seed: int, key: str) -> Callable[[Message], float]:
    """A draw of ``distribution`` for each message, from a stream of its link's own."""
    generators: dict[tuple[str, ...], np.random.Generator] = {}

    def draw(message: Message) -> float:
        link = link_of(message)
        if link not in generators:
            generators[link] = stream(seed, "faults", key, "draws", *link)
        return distribution.sample(generators[link])

    return draw
