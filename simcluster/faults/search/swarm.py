"""Swarm: a schedule whose every knob is drawn anew for each seed, first of all which kinds of fault it has at all.

A test with every kind of fault at once mostly finds that nothing works; one that leaves out some finds what the
others hide (Groce, Zhang, Eide, Chen & Regehr, "Swarm testing", ISSTA 2012).
"""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from simcluster.cluster import NodeSpec
from simcluster.engine import (
    LinkName,
    NodeName,
    Positive,
    Probability,
    ProgramName,
    RackName,
    Spec,
    check_differ,
    stream,
)
from simcluster.faults.fault import Fault
from simcluster.faults.kinds.node_faults import CrashNode
from simcluster.faults.knobs import Knobs
from simcluster.faults.schedule import heal
from simcluster.faults.search.budget import budget, within_budget
from simcluster.faults.vocabulary import FAULTS, KINDS, FaultKind


class Swarm(Spec):
    """How to draw a schedule in which every knob depends on the seed.

    A kind of fault that is in a run begins up to a few dozen times; how often, for how long, to which node and how
    badly is drawn from the kind's own stream, so leaving out one kind shifts no other's draws. Some kinds are drawn
    only where the swarm is told of what they need: ``links``, ``racks``, ``programs``, or nodes that are ``limited``.
    """

    nodes: tuple[NodeName, ...]
    """The nodes that faults may be of, at least one."""
    links: tuple[LinkName, ...] = ()
    """The links of the topology that faults may be of, as ``"switch->n-1"``."""
    racks: dict[RackName, tuple[NodeName, ...]] = Field(default_factory=dict)
    """The racks or zones that may be lost, each with its nodes; none that has more than ``down_at_most`` is."""
    programs: dict[NodeName, tuple[ProgramName, ...]] = Field(default_factory=dict)
    """The programs that each node boots and that may be killed."""
    limited: tuple[NodeName, ...] = ()
    """The nodes whose memory has a limit, and may be exhausted."""
    horizon_s: Positive
    """Before when faults begin; the times that are drawn grow with it."""
    kinds: tuple[FaultKind, ...] = tuple(kind for kind in KINDS.values() if not kind.on_demand)
    """The kinds of fault that there may be, by default all but those that are drawn on demand."""
    include: Probability = 0.5
    """The chance of each kind to be in a run."""
    heal_at_s: Positive | None = None
    """When all is over (``None``: when the last fault ends)."""
    down_at_most: int | None = None
    """How many nodes may be down at once; crashes beyond that do not happen (``None``: they do)."""

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Swarm:
        if not self.nodes:
            raise ValueError("nodes must not be empty, got ()")
        if not self.kinds:
            raise ValueError("kinds must not be empty, got ()")
        check_differ("nodes", self.nodes)
        members = [name for names in self.racks.values() for name in names]
        for field, names in (("racks", members), ("programs", list(self.programs)), ("limited", list(self.limited))):
            strange = [name for name in names if name not in self.nodes]
            if strange:
                raise ValueError(f"{field} must be of nodes {list(self.nodes)[:12]}, got {strange}")
        if self.down_at_most is not None:
            budget(self.down_at_most, self.nodes, "down_at_most")
            if not self.down_at_most and CrashNode in self.kinds:
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

    def _of(self, kind: type[Fault], seed: int) -> list[Fault]:
        most = math.inf if self.down_at_most is None else self.down_at_most
        racks = tuple(rack for rack, names in self.racks.items() if len(names) <= most)
        programs = tuple((node, program) for node, names in self.programs.items() for program in names)
        generator = stream(seed, "faults", "swarm", FAULTS.word(kind))
        knobs = Knobs(generator, self.nodes, self.links, racks, programs, self.limited)
        if generator.random() >= self.include:
            return []
        well = knobs.times(self.horizon_s / 30, self.horizon_s)
        ill = knobs.times(self.horizon_s / 100, self.horizon_s / 4)
        drawn: list[Fault] = []
        begin_s = well.sample(knobs.generator)
        while begin_s < self.horizon_s:
            end_s = begin_s + max(ill.sample(knobs.generator), self.horizon_s * 1e-6)
            fields = kind.draw(knobs, self.horizon_s)
            if fields is None:
                return []
            drawn.append(kind(begin_s=begin_s, end_s=end_s, **fields))
            begin_s = end_s + max(well.sample(knobs.generator), self.horizon_s * 1e-6)
        return drawn
