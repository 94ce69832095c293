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
from simcluster.serving.resilience.calls.hedge_delays import After, AnyHedgeDelay, Quantile
from simcluster.serving.resilience.guards.breaker import CircuitBreaker
from simcluster.serving.resilience.guards.bulkhead import Bulkhead
from simcluster.serving.resilience.guards.trips import AnyTrip, ConsecutiveFailures, FailureShare
from simcluster.serving.resilience.protocols import (
    Backoff,
    Budget,
    Discipline,
    Guard,
    Guarding,
    HedgeDelay,
    Latencies,
    Line,
    Order,
    Purse,
    Shed,
    Shedding,
    Trip,
    Tripping,
    Waiting,
)
from simcluster.serving.resilience.shedding.codel import CoDel, ControlledDelay
from simcluster.serving.resilience.shedding.limit import QueueLimit
from simcluster.serving.resilience.shedding.orders import (
    AdaptiveLifo,
    AnyOrder,
    earliest_deadline,
    first_come,
    last_come,
)
from simcluster.serving.resilience.shedding.queue import AnyDiscipline, AnyShedding, ServerQueue
