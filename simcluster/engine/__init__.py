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
from simcluster.engine.environment import Environment, Program, ScheduledCall, awaited, fail, fire, kill
from simcluster.engine.spec import Name, Positive, Probability, Seconds, Spec
from simcluster.engine.streams import stream
from simcluster.engine.trace import Record, Trace

__all__ = [
    "Constant",
    "Distribution",
    "Empirical",
    "Environment",
    "Exponential",
    "Lognormal",
    "Name",
    "Pareto",
    "Positive",
    "Probability",
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
    "kill",
    "stream",
]
