"""Detectors: who is suspected of being gone."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.recovery.detectors.health_checks import HealthChecks
from simcluster.recovery.detectors.heartbeats import Heartbeats
from simcluster.recovery.detectors.suspicion import AnySuspicion, ExpectedArrival, PhiAccrual, Timeout
from simcluster.recovery.detectors.swim import Lifeguard, Swim, suspicion_s
from simcluster.recovery.detectors.watch import Watch
from simcluster.recovery.protocols import Detector

AnyDetector = Annotated[Detector, Open(Detector, Heartbeats, HealthChecks, Swim)]
"""One of the detectors above, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyDetector",
    "AnySuspicion",
    "ExpectedArrival",
    "HealthChecks",
    "Heartbeats",
    "Lifeguard",
    "PhiAccrual",
    "Swim",
    "Timeout",
    "Watch",
    "suspicion_s",
]
