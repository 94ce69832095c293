"""Balancers: functions that choose a replica for a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

Balancer = Callable[[Sequence[str], Mapping[str, int]], str]
"""Given replicas and the number of outstanding requests at each, the one that gets the next request."""

BalancerName = Literal["random", "round_robin", "least_loaded", "power_of_two_choices"]


def random(generator: np.random.Generator) -> Balancer:
    """Any replica, each as likely as the next."""
    return lambda replicas, outstanding: replicas[int(generator.integers(len(replicas)))]


def round_robin() -> Balancer:
    """Each replica in turn, for each set of replicas by itself."""
    turns: dict[tuple[str, ...], int] = {}

    def choose(replicas: Sequence[str], outstanding: Mapping[str, int]) -> str:
        turn = turns.get(tuple(replicas), 0)
        turns[tuple(replicas)] = turn + 1
        return replicas[turn % len(replicas)]

    return choose


def least_loaded(replicas: Sequence[str], outstanding: Mapping[str, int]) -> str:
    """The replica with the fewest outstanding requests; of several the first (join the shortest queue)."""
    return min(replicas, key=lambda replica: outstanding[replica])


def power_of_two_choices(generator: np.random.Generator) -> Balancer:
    """The less loaded of two replicas drawn at random (Mitzenmacher 2001); with one replica, that."""

    def choose(replicas: Sequence[str], outstanding: Mapping[str, int]) -> str:
        if len(replicas) == 1:
            return replicas[0]
        first = int(generator.integers(len(replicas)))
        second = int(generator.integers(len(replicas) - 1))
        second += second >= first  # a different one
        return least_loaded([replicas[first], replicas[second]], outstanding)

    return choose


def balancer(name: BalancerName, generator: np.random.Generator) -> Balancer:
    """The balancer of this name, which draws from ``generator`` where it draws at all."""
    if name == "random":
        return random(generator)
    if name == "round_robin":
        return round_robin()
    if name == "least_loaded":
        return least_loaded
    if name == "power_of_two_choices":
        return power_of_two_choices(generator)
    raise ValueError(f"the balancer must be one of {BalancerName.__args__}, got {name!r}")
