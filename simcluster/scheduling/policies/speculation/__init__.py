"""Copies of tasks that are late."""

from simcluster.scheduling.policies.speculation.hedged import Hedged
from simcluster.scheduling.policies.speculation.late import Late
from simcluster.scheduling.policies.speculation.naive import NaiveSpeculation

__all__ = ["Hedged", "Late", "NaiveSpeculation"]
