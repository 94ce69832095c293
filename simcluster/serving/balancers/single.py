"""The balancers that choose by themselves, and may be part of another one."""

from __future__ import annotations

from typing import Annotated, Any

from simcluster.engine import Open
from simcluster.serving.balancers.consistent_hash import ConsistentHash
from simcluster.serving.balancers.join_idle_queue import JoinIdleQueue
from simcluster.serving.balancers.least_loaded import least_loaded
from simcluster.serving.balancers.least_response_time import LeastResponseTime
from simcluster.serving.balancers.peak_ewma import PeakEwma
from simcluster.serving.balancers.power_of_choices import PowerOfChoices, power_of_two_choices
from simcluster.serving.balancers.random import random
from simcluster.serving.balancers.round_robin import RoundRobin
from simcluster.serving.balancers.weighted import Weighted
from simcluster.serving.protocols import Balancer

SINGLE = (RoundRobin, Weighted, PowerOfChoices, LeastResponseTime, JoinIdleQueue, ConsistentHash, PeakEwma)
FUNCTIONS: dict[str, Any] = {
    "random": random, "least_loaded": least_loaded, "power_of_two_choices": power_of_two_choices,
}  # fmt: skip

AnySingle = Annotated[Balancer, Open(Balancer, *SINGLE, **FUNCTIONS)]
"""One of these, or one's own; in a file ``kind`` says which."""
