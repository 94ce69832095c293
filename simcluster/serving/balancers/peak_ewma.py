"""Peak EWMA: a latency that jumps to each peak and forgets it slowly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import PrivateAttr

from simcluster.cluster import Node
from simcluster.engine import Count, Environment, Positive, Program, Spec
from simcluster.serving.balancers.power_of_choices import drawn
from simcluster.serving.protocols import ReplicaView

_PENALTY_S = 1e9  # of one who has been asked and never answered: more than any latency


class PeakEwma(Spec):
    """Of a few replicas drawn at random the one of the least load, its latency times its outstanding requests and one.

    The latency is the last peak, from which it decays towards what is seen: a higher one counts at once and whole, a
    lower one by 1 − e^(−t/τ), t after the last. Whoever has not answered yet is free of charge until it has been asked,
    and then dearer than all others. Source: Finagle's ``PeakEwma``, under ``P2C``. A choice costs the same among any
    number of replicas.
    """

    kind: Literal["peak_ewma"] = "peak_ewma"
    decay_s: Positive = 10.0
    """τ, in which a peak loses all but 1/e of itself."""
    choices: Count = 2
    """How many are looked at."""
    _peaks: dict[str, _Peak] = PrivateAttr(default_factory=dict)
    _env: Environment | None = PrivateAttr(default=None)

    def run(self, node: Node, name: str, replicas: Sequence[ReplicaView]) -> Program:
        """The front end has come up, and has a clock."""
        self._env = node.env
        yield from ()

    def heard(self, view: ReplicaView, latency_s: float | None, now_s: float) -> None:
        """A request has ended: take its answer in, if it has one."""
        if latency_s is not None:
            self._peaks.setdefault(view.name, _Peak()).observe(latency_s, now_s, self.decay_s)

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The one of the least load; of several the one drawn first."""
        return min(drawn(replicas, self.choices, generator.integers), key=self._load).name

    def _load(self, view: ReplicaView) -> float:
        if (peak := self._peaks.get(view.name)) is None:
            return _PENALTY_S + view.outstanding if view.outstanding else 0.0
        if self._env is not None:
            peak.observe(0.0, self._env.now, self.decay_s)
        return peak.cost_s * (view.outstanding + 1)


class _Peak:
    __slots__ = ("cost_s", "seen_s")

    def __init__(self) -> None:
        self.cost_s, self.seen_s = 0.0, 0.0

    def observe(self, latency_s: float, now_s: float, decay_s: float) -> None:
        passed_s, self.seen_s = max(0.0, now_s - self.seen_s), now_s
        if latency_s > self.cost_s:
            self.cost_s = latency_s
        else:
            kept = math.exp(-passed_s / decay_s)
            self.cost_s = self.cost_s * kept + latency_s * (1.0 - kept)
