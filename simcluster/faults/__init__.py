"""Faults: what goes wrong, when, and how it is made to happen."""

from simcluster.faults.chance import GilbertElliott
from simcluster.faults.fault import Fault
from simcluster.faults.files import SYNTHETIC_TRACE, load_schedule, read_failure_trace, save_schedule
from simcluster.faults.injector import Injector
from simcluster.faults.kinds.byzantine import ADVERSARIES, Adversary, AnyAdversary, Byzantine
from simcluster.faults.kinds.collusion import (
    ATTACKS,
    AnyAttack,
    Attack,
    Collude,
    a_little_is_enough,
    inner_product_manipulation,
    unsuspicious_deviations,
)
from simcluster.faults.kinds.disk_faults import FillDisk, LoseDisk, RotBits, SlowDisk, TearWrites
from simcluster.faults.kinds.label_faults import FlipLabels
from simcluster.faults.kinds.link_faults import FlapLink, SlowLink, SpikeLatency, ThrottleBandwidth
from simcluster.faults.kinds.machine_faults import DriftClock, ExhaustMemory, KillProgram, StepClock
from simcluster.faults.kinds.message_faults import CorruptMessages, DuplicateMessages, LoseMessages, ReorderMessages
from simcluster.faults.kinds.node_faults import CrashNode, LoseRack, NodeFault, PauseNode, SlowNode
from simcluster.faults.kinds.partitions import (
    CutMinority,
    CutOneWay,
    IsolateNode,
    PartitionBridge,
    PartitionNetwork,
    PartitionRing,
)
from simcluster.faults.kinds.spoofing import SpoofMessages
from simcluster.faults.kinds.topology_faults import BreakLink, DelayLink, LoseOnLink, ThrottleLink
from simcluster.faults.schedule import draw_crashes, draw_faults, heal
from simcluster.faults.search.budget import Violation, budget_exceeded, within_budget
from simcluster.faults.search.examples import examples
from simcluster.faults.search.property import Broken, NothingChecked, Property, Tally, Vacuous, examine
from simcluster.faults.search.search import (
    Failure,
    Finding,
    NotReproduced,
    search_seeds,
    search_single_faults,
    single_faults,
    trial_of,
)
from simcluster.faults.search.shrink import shrink
from simcluster.faults.search.swarm import Swarm
from simcluster.faults.vocabulary import AnyFault

__all__ = [
    "ADVERSARIES",
    "ATTACKS",
    "SYNTHETIC_TRACE",
    "Adversary",
    "AnyAdversary",
    "AnyAttack",
    "AnyFault",
    "Attack",
    "BreakLink",
    "Broken",
    "Byzantine",
    "Collude",
    "CorruptMessages",
    "CrashNode",
    "CutMinority",
    "CutOneWay",
    "DelayLink",
    "DriftClock",
    "DuplicateMessages",
    "ExhaustMemory",
    "Failure",
    "Fault",
    "FillDisk",
    "Finding",
    "FlapLink",
    "FlipLabels",
    "GilbertElliott",
    "Injector",
    "IsolateNode",
    "KillProgram",
    "LoseDisk",
    "LoseMessages",
    "LoseOnLink",
    "LoseRack",
    "NodeFault",
    "NotReproduced",
    "NothingChecked",
    "PartitionBridge",
    "PartitionNetwork",
    "PartitionRing",
    "PauseNode",
    "Property",
    "ReorderMessages",
    "RotBits",
    "SlowDisk",
    "SlowLink",
    "SlowNode",
    "SpikeLatency",
    "SpoofMessages",
    "StepClock",
    "Swarm",
    "Tally",
    "TearWrites",
    "ThrottleBandwidth",
    "ThrottleLink",
    "Vacuous",
    "Violation",
    "a_little_is_enough",
    "budget_exceeded",
    "draw_crashes",
    "draw_faults",
    "examine",
    "examples",
    "heal",
    "inner_product_manipulation",
    "load_schedule",
    "read_failure_trace",
    "save_schedule",
    "search_seeds",
    "search_single_faults",
    "shrink",
    "single_faults",
    "trial_of",
    "unsuspicious_deviations",
    "within_budget",
]
