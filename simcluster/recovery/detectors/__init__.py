"""Detectors: who is suspected of being gone."""

from simcluster.recovery.detectors.heartbeats import AnyDetector, Heartbeats
from simcluster.recovery.detectors.suspicion import AnySuspicion, ExpectedArrival, PhiAccrual, Timeout

__all__ = ["AnyDetector", "AnySuspicion", "ExpectedArrival", "Heartbeats", "PhiAccrual", "Timeout"]
