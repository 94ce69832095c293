"""Knobs: what a fault draws its fields with, for a swarm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcluster.engine import Distribution, Exponential, Lognormal, Weibull
from simcluster.faults.chance import GilbertElliott
from simcluster.faults.fault import Fields


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
        """Any link of the topology, often with its way back, where that is called so."""
        link, both_ways = self.links[int(self.generator.integers(len(self.links)))], self.coin()
        source, _, target = link.partition("->")
        return {"link": link, "both_ways": both_ways and f"{target}->{source}" in self.links}

    def named(self, what: str) -> Any:
        """One of what the cluster has by such names ("node", "link", "groups", …); ``None`` where it has none."""
        match what:
            case "node":
                return self.node()
            case "limited":
                return self.choice(*self.limited) if self.limited else None
            case "rack":
                return self.choice(*self.racks) if self.racks else None
            case "link":
                return self.link()["link"] if self.links else None
            case "groups" | "sides":
                return self.split() if len(self.nodes) > 2 else None
            case "minority":
                return self.minority() if len(self.nodes) > 2 else None
        return None

    def split(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Two groups that hear each other no more, and at least one node that is in neither."""
        order = tuple(self.nodes[int(i)] for i in self.generator.permutation(len(self.nodes)))
        first = int(self.generator.integers(1, len(order) - 1))
        last = int(self.generator.integers(first + 1, len(order)))
        return order[:first], order[first:last]

    def program(self) -> Fields | None:
        """Any program that a node boots, if one is known."""
        if not self.programs:
            return None
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

    def minority(self) -> tuple[str, ...]:
        """Fewer than half of the nodes, at least one."""
        size = int(self.generator.integers(1, max(2, (len(self.nodes) + 1) // 2)))
        places = sorted(int(place) for place in self.generator.permutation(len(self.nodes))[:size])
        return tuple(self.nodes[place] for place in places)
