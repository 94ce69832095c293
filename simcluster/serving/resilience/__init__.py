"""Resilience of a service: what a call does when it fails, whom it leaves alone, and what a server turns away."""

from simcluster.serving.resilience.calls.backoff import (
    AnyBackoff,
    DecorrelatedJitter,
    ExponentialBackoff,
    FixedBackoff,
    FullJitter,
    at_once,
)
from simcluster.serving.resilience.calls.budget import AnyBudget, TokenBucket, WindowedBudget
from simcluster.serving.resilience.calls.deadline import Deadline, DeadlinePassed
from simcluster.serving.resilience.calls.hedge import Hedge
from simcluster.serving.resilience.calls.hedge_delays import After, AnyHedgeDelay, Quantile
from simcluster.serving.resilience.calls.retry import Retry
from simcluster.serving.resilience.calls.tied import Tied
from simcluster.serving.resilience.guards.breaker import CircuitBreaker
from simcluster.serving.resilience.guards.bulkhead import Bulkhead
from simcluster.serving.resilience.guards.trips import AnyTrip, ConsecutiveFailures, FailureShare
from simcluster.serving.resilience.protocols import (
    Backoff,
    Budget,
    Guard,
    Guarding,
    HedgeDelay,
    Latencies,
    Order,
    Purse,
    Shed,
    Shedding,
    Trip,
    Tripping,
    Waiting,
)
from simcluster.serving.resilience.shedding.codel import CoDel, ControlledDelay
from simcluster.serving.resilience.shedding.limit import LengthLimit
from simcluster.serving.resilience.shedding.orders import (
    AdaptiveLifo,
    AnyOrder,
    earliest_deadline,
    first_come,
    last_come,
)
from simcluster.serving.resilience.shedding.queue import AnyShedding, ServerQueue

__all__ = [
    "AdaptiveLifo",
    "After",
    "AnyBackoff",
    "AnyBudget",
    "AnyHedgeDelay",
    "AnyOrder",
    "AnyShedding",
    "AnyTrip",
    "Backoff",
    "Budget",
    "Bulkhead",
    "CircuitBreaker",
    "CoDel",
    "ConsecutiveFailures",
    "ControlledDelay",
    "Deadline",
    "DeadlinePassed",
    "DecorrelatedJitter",
    "ExponentialBackoff",
    "FailureShare",
    "FixedBackoff",
    "FullJitter",
    "Guard",
    "Guarding",
    "Hedge",
    "HedgeDelay",
    "Latencies",
    "LengthLimit",
    "Order",
    "Purse",
    "Quantile",
    "Retry",
    "ServerQueue",
    "Shed",
    "Shedding",
    "Tied",
    "TokenBucket",
    "Trip",
    "Tripping",
    "Waiting",
    "WindowedBudget",
    "at_once",
    "earliest_deadline",
    "first_come",
    "last_come",
]
