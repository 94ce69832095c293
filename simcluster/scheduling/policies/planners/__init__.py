"""Planners: who does what, and when, before anything runs."""

from simcluster.scheduling.policies.planners.cpop import Cpop
from simcluster.scheduling.policies.planners.dynamic_level import DynamicLevel
from simcluster.scheduling.policies.planners.heft import Heft, heft, upward_ranks
from simcluster.scheduling.policies.planners.list_scheduling import ListScheduling, Lpt
from simcluster.scheduling.policies.planners.look_ahead import LookAhead
from simcluster.scheduling.policies.planners.min_min import MaxMin, MinMin
from simcluster.scheduling.policies.planners.peft import Peft
from simcluster.scheduling.policies.planners.planning import Slot, slots

__all__ = [
    "Cpop",
    "DynamicLevel",
    "Heft",
    "ListScheduling",
    "LookAhead",
    "Lpt",
    "MaxMin",
    "MinMin",
    "Peft",
    "Slot",
    "heft",
    "slots",
    "upward_ranks",
]
