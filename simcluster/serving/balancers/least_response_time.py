"""Least response time: the queues and the answers of all are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PrivateAttr

from simcluster.engine import NUMBER, Spec
from simcluster.serving.protocols import ReplicaView


class LeastResponseTime(Spec):
    """The replica with the least product of its mean latency and its outstanding requests, this one among them.

    The mean is a moving one, exponentially weighted. Whoever has not answered yet goes first when it is idle, and last
    when it is not. Proxies call this least time or least response time. It looks at all replicas.
    """

    kind: Literal["least_response_time"] = "least_response_time"
    weight: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.2
    """What the last answer counts in the mean."""
    _means_s: dict[str, float] = PrivateAttr(default_factory=dict)

    def heard(self, view: ReplicaView, latency_s: float | None, now_s: float) -> None:
        """A request has ended: take its answer in, if it has one."""
        if latency_s is not None:
            mean_s = self._means_s.get(view.name, latency_s)
            self._means_s[view.name] = mean_s + self.weight * (latency_s - mean_s)

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The one that would answer first, were its latency the same for each that it has; of several the first."""
        means_s = self._means_s
        best, least = replicas[0], math.inf
        for replica in replicas:
            mean_s = means_s.get(replica.name)
            if mean_s is None:
                mean_s = math.inf if replica.outstanding else 0.0
            expected_s = mean_s * (replica.outstanding + 1)
            if expected_s < least or (expected_s == least and replica.outstanding < best.outstanding):
                best, least = replica, expected_s
        return best.name
