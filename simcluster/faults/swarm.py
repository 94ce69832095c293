"""Swarm: a schedule whose every knob is drawn anew for each seed, first of all which kinds of fault it has at all.

A test with every kind of fault at once mostly finds that nothing works; one that leaves out some finds what the
others hide (Groce, Zhang, Eide, Chen & Regehr, "Swarm testing", ISSTA 2012).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from simcluster.cluster import NodeSpec
from simcluster.engine import Distribution, Exponential, Lognormal, Name, Positive, Probability, Spec, Weibull, stream
from simcluster.faults.budget import check_budget, within_budget
from simcluster.faults.byzantine import ADVERSARIES, Byzantine
from simcluster.faults.chance import GilbertElliott
from simcluster.faults.disk_faults import FillDisk, LoseDisk, RotBits, SlowDisk, TearWrites
from simcluster.faults.fault import Fault
from simcluster.faults.link_faults import FlapLink, SlowLink, SpikeLatency, ThrottleBandwidth
from simcluster.faults.machine_faults import DriftClock, ExhaustMemory, KillProgram, StepClock
from simcluster.faults.message_faults import CorruptMessages, DuplicateMessages, LoseMessages, ReorderMessages
from simcluster.faults.node_faults import CrashNode, LoseRack, PauseNode, SlowNode
from simcluster.faults.partitions import (
    CutMinority,
    CutOneWay,
    IsolateNode,
    PartitionBridge,
    PartitionNetwork,
    PartitionRing,
)
from simcluster.faults.schedule import heal
from simcluster.faults.topology_faults import BreakLink, DelayLink, LinkName, LoseOnLink, ThrottleLink, TopologyFault

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Knobs:
    """Draws of one kind of fault, from a stream of its own."""

    generator: np.random.Generator
    nodes: tuple[str, ...]
    links: tuple[str, ...] = ()
    racks: tuple[str, ...] = ()
    programs: tuple[tuple[str, str], ...] = ()  # node and program
    limited: tuple[str, ...] = ()

    def node(self) -> str:
        """Any node."""
        return self.nodes[int(self.generator.integers(len(self.nodes)))]

    def link(self) -> Fields:
        """Any link of the topology, often with its way back."""
        return {"link": self.links[int(self.generator.integers(len(self.links)))], "both_ways": self.coin()}

    def split(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Two groups that hear each other no more, and at least one node that is in neither."""
        order = tuple(self.nodes[int(i)] for i in self.generator.permutation(len(self.nodes)))
        first = int(self.generator.integers(1, len(order) - 1))
        last = int(self.generator.integers(first + 1, len(order)))
        return order[:first], order[first:last]

    def program(self) -> Fields:
        """Any program that a node boots."""
        node, program = self.programs[int(self.generator.integers(len(self.programs)))]
        return {"node": node, "program": program}

    def log_uniform(self, low: float, high: float) -> float:
        """A number between two positive ones, each order of magnitude as likely as the next."""
        return math.exp(float(self.generator.uniform(math.log(low), math.log(high))))

    def coin(self) -> bool:
        """True as often as not."""
        return bool(self.generator.random() < 0.5)

    def choice(self, *options: Any) -> Any:
        """One of these."""
        return options[int(self.generator.integers(len(options)))]

    def times(self, low_s: float, high_s: float) -> Distribution:
        """A distribution of times with a mean in between: exponential, Weibull or lognormal."""
        mean = self.log_uniform(low_s, high_s)
        shape = self.log_uniform(0.5, 3.0)
        times = (Exponential(mean=mean), Weibull(mean=mean, shape=shape), Lognormal(mean=mean, sigma=shape))
        return times[int(self.generator.integers(len(times)))]

    def ends(self) -> Fields:
        """The links of any one node, or all."""
        return {"senders": (self.node(),), "both_ways": True} if self.coin() else {}

    def chance(self) -> Fields:
        """A probability, of single messages or of messages in bursts."""
        if self.coin():
            return {"probability": self.log_uniform(0.001, 0.5)}
        bursts = GilbertElliott(good_to_bad=self.log_uniform(0.001, 0.1), bad_to_good=self.log_uniform(0.05, 1.0))
        return {"probability": float(self.generator.uniform(0.5, 1.0)), "bursts": bursts}

    def hits(self) -> Fields:
        """A chance, on some links."""
        return {**self.chance(), **self.ends()}

    def minority(self) -> tuple[str, ...]:
        """Fewer than half of the nodes, at least one."""
        size = int(self.generator.integers(1, max(2, (len(self.nodes) + 1) // 2)))
        places = sorted(int(place) for place in self.generator.permutation(len(self.nodes))[:size])
        return tuple(self.nodes[place] for place in places)


Kind = tuple[type[Fault], Callable[[Knobs, float], Fields]]
"""A fault, and how its fields are drawn for a run of so many seconds."""

KINDS: dict[str, Kind] = {
    "crash_node": (CrashNode, lambda knobs, _: {"node": knobs.node()}),
    "lose_rack": (LoseRack, lambda knobs, _: {"rack": knobs.choice(*knobs.racks)}),
    "kill_program": (KillProgram, lambda knobs, _: knobs.program()),
    "exhaust_memory": (ExhaustMemory, lambda knobs, _: {"node": knobs.choice(*knobs.limited)}),
    "pause_node": (PauseNode, lambda knobs, _: {"node": knobs.node()}),
    "slow_node": (SlowNode, lambda knobs, _: {"node": knobs.node(), "factor": knobs.log_uniform(1.1, 100)}),
    "isolate_node": (IsolateNode, lambda knobs, _: {"node": knobs.node(), "crossing": knobs.choice("drop", "hold")}),
    "cut_minority": (CutMinority, lambda knobs, _: {"minority": knobs.minority(), "among": knobs.nodes}),
    "partition_network": (PartitionNetwork, lambda knobs, _: {"groups": knobs.split()}),
    "partition_bridge": (PartitionBridge, lambda knobs, _: {"sides": knobs.split()}),
    "cut_one_way": (CutOneWay, lambda knobs, _: {"senders": (knobs.node(),), "receivers": knobs.nodes}),
    "partition_ring": (
        PartitionRing,
        lambda knobs, _: {"nodes": tuple(knobs.nodes[int(i)] for i in knobs.generator.permutation(len(knobs.nodes)))},
    ),
    "lose_messages": (LoseMessages, lambda knobs, _: knobs.hits()),
    "duplicate_messages": (DuplicateMessages, lambda knobs, _: knobs.hits()),
    "reorder_messages": (ReorderMessages, lambda knobs, _: knobs.hits()),
    "corrupt_messages": (CorruptMessages, lambda knobs, _: knobs.hits()),
    "slow_link": (SlowLink, lambda knobs, _: {"factor": knobs.log_uniform(1.1, 1000), **knobs.ends()}),
    "spike_latency": (
        SpikeLatency,
        lambda knobs, run_s: {"extra_s": knobs.times(run_s / 1e4, run_s / 10), **knobs.ends()},
    ),
    "throttle_bandwidth": (
        ThrottleBandwidth,
        lambda knobs, _: {"node": knobs.node(), "factor": knobs.log_uniform(1.1, 1000)},
    ),
    "flap_link": (
        FlapLink,
        lambda knobs, run_s: {
            "down_s": knobs.times(run_s / 1e3, run_s / 20),
            "up_s": knobs.times(run_s / 1e3, run_s / 20),
            **knobs.ends(),
        },
    ),
    "break_link": (BreakLink, lambda knobs, _: {"crossing": knobs.choice("drop", "hold"), **knobs.link()}),
    "delay_link": (
        DelayLink,
        lambda knobs, run_s: {"extra_s": knobs.times(run_s / 1e4, run_s / 10), **knobs.link()},
    ),
    "throttle_link": (ThrottleLink, lambda knobs, _: {"factor": knobs.log_uniform(1.1, 1000), **knobs.link()}),
    "lose_on_link": (LoseOnLink, lambda knobs, _: {**knobs.chance(), **knobs.link()}),
    "step_clock": (
        StepClock,
        lambda knobs, run_s: {
            "node": knobs.node(),
            "step_s": knobs.choice(-1, 1) * knobs.log_uniform(run_s / 1e3, 10 * run_s),
        },
    ),
    "drift_clock": (
        DriftClock,
        lambda knobs, _: {"node": knobs.node(), "rate": knobs.choice(-1, 1) * knobs.log_uniform(1e-6, 0.5)},
    ),
    "slow_disk": (SlowDisk, lambda knobs, _: {"node": knobs.node(), "factor": knobs.log_uniform(1.1, 1000)}),
    "fill_disk": (FillDisk, lambda knobs, _: {"node": knobs.node()}),
    "tear_writes": (TearWrites, lambda knobs, _: {"node": knobs.node()}),
    "rot_bits": (RotBits, lambda knobs, _: {"node": knobs.node(), "count": int(knobs.generator.integers(1, 5))}),
    "lose_disk": (LoseDisk, lambda knobs, _: {"node": knobs.node()}),
    "byzantine": (
        Byzantine,
        lambda knobs, _: {
            "node": knobs.node(),
            "adversary": knobs.choice(*ADVERSARIES),
            "strength": knobs.log_uniform(0.1, 100),
        },
    ),
}
"""What a swarm can draw, by the fault's word: every fault that there is."""

NEEDS = {
    "lose_rack": "racks",
    "kill_program": "programs",
    "exhaust_memory": "limited",
    **{kind: "links" for kind, (fault, _) in KINDS.items() if issubclass(fault, TopologyFault)},
}
"""What a swarm must be told of the cluster before it draws a kind."""

_LEAST_NODES = {"partition_ring": 4, "cut_minority": 3, "partition_network": 3, "partition_bridge": 3}

#: Those that no protocol survives that does not expect them: they are in a swarm only when they are asked for.
MALICIOUS = ("byzantine", "lose_disk", "rot_bits")


class Swarm(Spec):
    """How to draw a schedule for ``nodes`` in which every knob depends on the seed.

    Each of ``kinds`` is in a run with the chance ``include``. One that is in it begins a few times to a few dozen
    times in ``horizon_s``; how often, for how long, to which node and how badly is drawn from the kind's own stream, so
    leaving out one kind shifts no other's draws. All is over by ``heal_at_s``. With ``down_at_most``, crashes that
    would take more nodes down at once do not happen.

    Some kinds are drawn only where the swarm is told of what they need: the ``links`` of a topology
    (``"switch->n-1"``), the ``racks`` or zones with the nodes of each, the ``programs`` that each node boots, and the
    nodes whose memory is ``limited``. A rack of more nodes than ``down_at_most`` is never lost.
    """

    nodes: tuple[Name, ...]
    links: tuple[LinkName, ...] = ()
    racks: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    programs: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    limited: tuple[Name, ...] = ()
    horizon_s: Positive
    kinds: tuple[str, ...] = tuple(kind for kind in KINDS if kind not in MALICIOUS)
    include: Probability = 0.5
    heal_at_s: Positive | None = None
    down_at_most: int | None = None

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Swarm:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"kinds must be among {list(KINDS)}, got {unknown}")
        if not self.nodes:
            raise ValueError("nodes must not be empty, got ()")
        members = [name for names in self.racks.values() for name in names]
        for field, names in (("racks", members), ("programs", list(self.programs)), ("limited", list(self.limited))):
            strange = [name for name in names if name not in self.nodes]
            if strange:
                raise ValueError(f"{field} must be of nodes {list(self.nodes)[:12]}, got {strange}")
        if self.down_at_most is not None:
            check_budget(self.down_at_most, self.nodes)
            if not self.down_at_most and "crash_node" in self.kinds:
                raise ValueError("down_at_most must be at least 1 when crashes are drawn, got 0")
        return self

    def draw(self, seed: int) -> tuple[Fault, ...]:
        """The schedule for ``seed``, in order of time."""
        faults = [fault for kind in self.kinds for fault in self._of(kind, seed)]
        faults.sort(key=lambda fault: fault.begin_s)
        if self.heal_at_s is not None:
            faults = list(heal(faults, self.heal_at_s))
        if self.down_at_most is None:
            return tuple(faults)
        rack_of = {name: rack for rack, names in self.racks.items() for name in names}
        machines = [NodeSpec(name=name, rack=rack_of.get(name)) for name in self.nodes]
        return within_budget(faults, machines, self.down_at_most)

    def _of(self, kind: str, seed: int) -> list[Fault]:
        most = math.inf if self.down_at_most is None else self.down_at_most
        racks = tuple(rack for rack, names in self.racks.items() if len(names) <= most)
        programs = tuple((node, program) for node, names in self.programs.items() for program in names)
        generator = stream(seed, "faults", "swarm", kind)
        knobs = Knobs(generator, self.nodes, self.links, racks, programs, self.limited)
        fault, fields = KINDS[kind]
        if generator.random() >= self.include or len(self.nodes) < _LEAST_NODES.get(kind, 1):
            return []
        if kind in NEEDS and not getattr(knobs, NEEDS[kind]):
            return []
        well = knobs.times(self.horizon_s / 30, self.horizon_s)
        ill = knobs.times(self.horizon_s / 100, self.horizon_s / 4)
        drawn: list[Fault] = []
        begin_s = well.sample(knobs.generator)
        while begin_s < self.horizon_s:
            end_s = begin_s + max(ill.sample(knobs.generator), self.horizon_s * 1e-6)
            drawn.append(fault(begin_s=begin_s, end_s=end_s, **fields(knobs, self.horizon_s)))
            begin_s = end_s + max(well.sample(knobs.generator), self.horizon_s * 1e-6)
        return drawn
