"""SWIM: members of a group probe each other in turn, and gossip tells all of them who is gone."""

from simcluster.recovery.detectors.swim.lifeguard import Lifeguard, suspicion_s
from simcluster.recovery.detectors.swim.swim import Swim

__all__ = ["Lifeguard", "Swim", "suspicion_s"]
