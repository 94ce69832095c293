"""Balancers: who gets the next request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import PrivateAttr

from simcluster.engine import Open, Spec
from simcluster.serving.protocols import Balancer, ReplicaView


def random(query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
    """Any replica, each as likely as the next."""
    return replicas[int(generator.integers(len(replicas)))].name


class RoundRobin(Spec):
    """Each replica in turn, for each set of replicas by itself."""

    kind: Literal["round_robin"] = "round_robin"
    _turns: dict[tuple[str, ...], int] = PrivateAttr(default_factory=dict)

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The next of them."""
        names = tuple(replica.name for replica in replicas)
        turn = self._turns.get(names, 0)
        self._turns[names] = turn + 1
        return names[turn % len(names)]


def least_loaded(query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
    """The replica with the fewest outstanding requests; of several the first (join the shortest queue)."""
    return min(replicas, key=lambda replica: replica.outstanding).name


def power_of_two_choices(query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
    """The less loaded of two replicas drawn at random (Mitzenmacher 2001); with one replica, that."""
    if len(replicas) == 1:
        return replicas[0].name
    first = int(generator.integers(len(replicas)))
    second = int(generator.integers(len(replicas) - 1))
    second += second >= first  # a different one
    one, other = replicas[first], replicas[second]
    return (other if other.outstanding < one.outstanding else one).name


AnyBalancer = Annotated[
    Balancer,
    Open(Balancer, RoundRobin, random=random, least_loaded=least_loaded, power_of_two_choices=power_of_two_choices),
]
"""One of the balancers above, or one's own; in a file ``kind`` says which."""
