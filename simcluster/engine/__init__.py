"""The engine: simulated time, random streams, the trace, and the frozen data that everything is described in."""

from simcluster.engine.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Lognormal,
    Pareto,
    Uniform,
    Weibull,
)
from simcluster.engine.environment import (
    ENGINE,
    Environment,
    Event,
    Process,
    Program,
    ScheduledCall,
    awaited,
    fail,
    fire,
    idle,
    kill,
    pending_calls,
)
from simcluster.engine.spec import Name, Positive, Probability, Seconds, Spec
from simcluster.engine.streams import stream
from simcluster.engine.trace import Record, Trace

__all__ = [
    "ENGINE",
    "Constant",
    "Distribution",
    "Empirical",
    "Environment",
    "Event",
    "Exponential",
    "Lognormal",
    "Name",
    "Pareto",
    "Positive",
    "Probability",
    "Process",
    "Program",
    "Record",
    "ScheduledCall",
    "Seconds",
    "Spec",
    "Trace",
    "Uniform",
    "Weibull",
    "awaited",
    "fail",
    "fire",
    "idle",
    "kill",
    "pending_calls",
    "stream",
]
