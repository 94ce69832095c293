"""The power of d choices: the queues of a few, drawn at random, are known."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from simcluster.engine import Count, Spec
from simcluster.serving.balancers.least_loaded import least_loaded
from simcluster.serving.protocols import ReplicaView


class PowerOfChoices(Spec):
    """The least loaded of d replicas drawn at random; of fewer than d, of all.

    Two make queues exponentially shorter than one, and more only a little (Vvedenskaya, Dobrushin & Karpelevich 1996;
    Mitzenmacher, "The power of two choices in randomized load balancing", 2001). A choice costs the same among any
    number of replicas.
    """

    kind: Literal["power_of_choices"] = "power_of_choices"
    choices: Count = 2
    """How many are looked at, d."""

    def __call__(self, query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
        """The least loaded of the drawn; of several the one drawn first."""
        return least_loaded(query, drawn(replicas, self.choices, generator.integers), generator)


def power_of_two_choices(query: Any, replicas: Sequence[ReplicaView], generator: np.random.Generator) -> str:
    """The less loaded of two replicas drawn at random (Mitzenmacher 2001); with one replica, that."""
    if len(replicas) == 1:
        return replicas[0].name
    first = int(generator.integers(len(replicas)))
    second = int(generator.integers(len(replicas) - 1))
    second += second >= first  # a different one
    one, other = replicas[first], replicas[second]
    return (one if one.outstanding <= other.outstanding else other).name


def drawn(replicas: Sequence[ReplicaView], count: int, below: Callable[[int], Any]) -> Sequence[ReplicaView]:
    """So many different replicas in the order in which they are drawn, ``below(n)`` being an integer below n."""
    if count >= len(replicas):
        return replicas
    taken: list[int] = []
    found = []
    for left in range(len(replicas), len(replicas) - count, -1):
        place = int(below(left))
        for each in taken:  # in order: those before it make room
            place += place >= each
        insort(taken, place)
        found.append(replicas[place])
    return found
