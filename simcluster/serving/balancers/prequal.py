"""Prequal: probes of requests in flight and latency, kept in a pool and used again."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from simcluster.cluster import Node
from simcluster.engine import Count, Event, NotNegative, Period, Positive, Probability, Program, Spec
from simcluster.serving.balancers.power_of_choices import drawn
from simcluster.serving.balancers.random import random
from simcluster.serving.balancers.sets import PerSet
from simcluster.serving.protocols import ReplicaView

_REMEMBERED = 128  # probes, whose requests in flight say what is many


class Prequal(Spec):
    """By probes, the replica of the lowest latency among those with few requests in flight; else that with the fewest.

    Each query sends ``probes`` messages to replicas drawn at random and waits for none of them. What they say lies in a
    pool of 16 until it is a second old, has been used b times, is the oldest of a full pool, or is removed: one a
    query, the oldest and the worst in turn. A replica is hot when it has more requests in flight than a quantile of
    what was probed lately; one that is chosen counts as having one more. With fewer than two probes in the pool any
    replica is chosen. With m places for n replicas b = max(1, (1 + δ)/((1 − m/n)·probes − removals)), δ = 1,
    rounded at random; without end where that is not positive. Source: Wydrowski, Kleinberg, Rumble & Archer, "Load is
    not what you should balance: introducing Prequal", NSDI 2024. A choice costs the same among any number of replicas.
    """

    kind: Literal["prequal"] = "prequal"
    probes: NotNegative = 3.0
    """How many a query sends, in the mean."""
    removals: NotNegative = 1.0
    """How many a query removes, in the mean."""
    pool: Annotated[Count, Field(ge=2)] = 16
    """How many are kept, m: at most half as many as replicas, and more than come while a probe is under way."""
    age_s: Period = 1.0
    """How old a probe becomes, and how long it is awaited."""
    hot: Probability = 0.84
    """The quantile of requests in flight above which a replica is hot."""
    delta: Positive = 1.0
    """δ, by how much uses exceed what the pool would last for."""
    _pool: _Pool | None = PrivateAttr(default=None)

    def run(self, node: Node, name: str, replicas: Sequence[ReplicaView]) -> Program:
        """The front end has come up, and can send."""
        self._pool = _Pool(self, node, f"{name}.probe")
        yield from ()

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The choice of the pool, after probes have been sent for those to come."""
        if self._pool is None:
            return random(query, replicas, generator)
        self._pool.probe(replicas, generator)
        return self._pool.take(replicas) or random(query, replicas, generator)


class _Probe:
    __slots__ = ("came_s", "in_flight", "latency_s", "name", "uses")

    def __init__(self, name: str, in_flight: int, latency_s: float, came_s: float, uses: float) -> None:
        self.name, self.in_flight, self.latency_s, self.came_s, self.uses = name, in_flight, latency_s, came_s, uses


class _Pool:
    """What one front end has probed; the oldest first."""

    def __init__(self, spec: Prequal, node: Node, kind: str) -> None:
        self._spec, self._node, self._kind = spec, node, kind
        self._probes: list[_Probe] = []
        self._lately: deque[int] = deque()
        self._sorted: list[int] = []
        self._names: PerSet[frozenset[str]] = PerSet()
        self._to_send = self._to_remove = 0.0
        self._worst_next = False

    def probe(self, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> None:
        """Send what a query sends, and remove what it removes."""
        spec = self._spec
        self._to_send += spec.probes
        count, self._to_send = int(self._to_send), self._to_send % 1.0
        spared = (1.0 - spec.pool / len(replicas)) * spec.probes - spec.removals
        uses = max(1.0, (1.0 + spec.delta) / spared) if spared > 0.0 else math.inf
        if math.isfinite(uses):
            uses = math.floor(uses) + (generator.random() < uses % 1.0)
        for replica in drawn(replicas, count, generator.integers) if count else ():
            reply = self._node.request(replica.name, self._kind, timeout_s=spec.age_s)
            reply.callbacks.append(partial(self._heard, replica.name, uses))
        self._to_remove += spec.removals
        while self._to_remove >= 1.0:
            self._to_remove -= 1.0
            if len(self._probes) > 1:
                self._probes.remove(self._worst() if self._worst_next else self._probes[0])
                self._worst_next = not self._worst_next

    def take(self, replicas: Sequence[ReplicaView]) -> str | None:
        """The best by what the pool knows, if that is enough."""
        names = self._names.of(replicas, lambda replicas: frozenset(replica.name for replica in replicas))
        oldest_s = self._node.env.now - self._spec.age_s
        self._probes = [probe for probe in self._probes if probe.came_s > oldest_s]
        found = [probe for probe in self._probes if probe.name in names]
        if len(found) < min(2, len(replicas)):
            return None
        hot = self._hot_above()
        cold = [probe for probe in found if probe.in_flight <= hot]
        fewest = min(found, key=lambda probe: probe.in_flight)
        best = min(cold, key=lambda probe: probe.latency_s, default=fewest)
        best.in_flight += 1
        best.uses -= 1
        if best.uses <= 0:
            self._probes.remove(best)
        return best.name

    def _heard(self, name: str, uses: float, reply: Event) -> None:
        """A probe has come back, or will not."""
        if not reply.ok:
            return
        answer: Any = reply.value
        in_flight, expected_s = answer.body
        self._probes = [probe for probe in self._probes if probe.name != name]
        if len(self._probes) == self._spec.pool:
            del self._probes[0]
        self._probes.append(_Probe(name, in_flight, expected_s or 0.0, self._node.env.now, uses))
        self._lately.append(in_flight)
        insort(self._sorted, in_flight)
        if len(self._lately) > _REMEMBERED:
            del self._sorted[bisect_left(self._sorted, self._lately.popleft())]

    def _hot_above(self) -> int:
        return self._sorted[min(int(self._spec.hot * len(self._sorted)), len(self._sorted) - 1)]

    def _worst(self) -> _Probe:
        """Of the hot ones that with the most requests, if there is one, else that of the highest latency."""
        most = max(self._probes, key=lambda probe: probe.in_flight)
        if most.in_flight > self._hot_above():
            return most
        return max(self._probes, key=lambda probe: probe.latency_s)
