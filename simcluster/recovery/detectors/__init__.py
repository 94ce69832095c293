"""Detectors: who is suspected of being gone."""

from simcluster.recovery.detectors.heartbeats import AnyDetector, Heartbeats
from simcluster.recovery.detectors.suspicion import AnySuspicion, ExpectedArrival, PhiAccrual, Timeout
from simcluster.recovery.detectors.watch import Watch

__all__ = ["AnyDetector", "AnySuspicion", "ExpectedArrival", "Heartbeats", "PhiAccrual", "Timeout", "Watch"]
