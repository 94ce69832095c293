"""Balancers: who gets the next request, a file each."""

from __future__ import annotations

from typing import Annotated

from simcluster.engine import Open
from simcluster.serving.balancers.consistent_hash import ConsistentHash
from simcluster.serving.balancers.join_idle_queue import JoinIdleQueue
from simcluster.serving.balancers.least_loaded import least_loaded
from simcluster.serving.balancers.least_response_time import LeastResponseTime
from simcluster.serving.balancers.locality import Locality
from simcluster.serving.balancers.peak_ewma import PeakEwma
from simcluster.serving.balancers.power_of_choices import PowerOfChoices, power_of_two_choices
from simcluster.serving.balancers.prequal import Prequal
from simcluster.serving.balancers.random import random
from simcluster.serving.balancers.round_robin import RoundRobin
from simcluster.serving.balancers.single import FUNCTIONS, SINGLE
from simcluster.serving.balancers.stale import Stale
from simcluster.serving.balancers.weighted import Weighted
from simcluster.serving.protocols import Balancer

AnyBalancer = Annotated[Balancer, Open(Balancer, *SINGLE, Prequal, Locality, Stale, **FUNCTIONS)]
"""One of the balancers above, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyBalancer",
    "ConsistentHash",
    "JoinIdleQueue",
    "LeastResponseTime",
    "Locality",
    "PeakEwma",
    "PowerOfChoices",
    "Prequal",
    "RoundRobin",
    "Stale",
    "Weighted",
    "least_loaded",
    "power_of_two_choices",
    "random",
]
