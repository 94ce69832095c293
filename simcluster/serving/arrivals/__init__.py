"""Arrivals: when queries come, whatever becomes of those before (an open loop) or after each answer (a closed one)."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.serving.arrivals.at import At
from simcluster.serving.arrivals.closed import Closed
from simcluster.serving.arrivals.deterministic import Deterministic
from simcluster.serving.arrivals.diurnal import Diurnal
from simcluster.serving.arrivals.modulated import MarkovModulated
from simcluster.serving.arrivals.poisson import Poisson
from simcluster.serving.arrivals.steps import Steps
from simcluster.serving.arrivals.trace_file import TraceFile
from simcluster.serving.protocols import Arrivals

AnyArrivals = Annotated[
    Arrivals, Open(Arrivals, Poisson, Deterministic, MarkovModulated, Diurnal, Steps, Closed, At, TraceFile)
]
"""One of the arrivals here, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyArrivals",
    "At",
    "Closed",
    "Deterministic",
    "Diurnal",
    "MarkovModulated",
    "Poisson",
    "Steps",
    "TraceFile",
]
