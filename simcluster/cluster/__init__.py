"""The cluster: nodes, the network between them, and what goes wrong with either."""

from simcluster.cluster.check import Checker, InvariantBroken, run_checked
from simcluster.cluster.cluster import Cluster, ClusterSpec
from simcluster.cluster.failure import (
    UNANSWERED,
    Corrupted,
    DiskFull,
    DiskLost,
    Failure,
    Killed,
    LinkDown,
    NodeDown,
    OutOfMemory,
    Overloaded,
    Partitioned,
    TimedOut,
)
from simcluster.cluster.job import Job, Ran, check_job, start
from simcluster.cluster.machine.clock import ClockSpec
from simcluster.cluster.machine.machine import HARDWARE, NodeSpec, nodes
from simcluster.cluster.machine.storage import NotStored, StorageSpec
from simcluster.cluster.messages.message import Message
from simcluster.cluster.messages.verdict import Corrupt, Delay, Drop, Duplicate, Hold, Released, Rewrite, Rule, link_of
from simcluster.cluster.mistakes import own_lines
from simcluster.cluster.network.loss import loss
from simcluster.cluster.network.network import InFlight, Network
from simcluster.cluster.network.network_spec import NetworkSpec
from simcluster.cluster.network.security import (
    AnyAuthentication,
    AnyCipher,
    Authentication,
    Cipher,
    Encryption,
    Hmac,
    Role,
)
from simcluster.cluster.network.topology import (
    AnyTopology,
    FatTree,
    Graph,
    OneSwitch,
    Racks,
    Ring,
    Star,
    Topology,
    Torus,
    WideArea,
)
from simcluster.cluster.node import Node
from simcluster.cluster.running import Running
from simcluster.cluster.waits import Ending, deadlock, horizon
from simcluster.engine import Constant, Empirical, Exponential, Lognormal, Pareto, Uniform, Weibull

__all__ = [
    "HARDWARE",
    "UNANSWERED",
    "AnyAuthentication",
    "AnyCipher",
    "AnyTopology",
    "Authentication",
    "Checker",
    "Cipher",
    "ClockSpec",
    "Cluster",
    "ClusterSpec",
    "Constant",
    "Corrupt",
    "Corrupted",
    "Delay",
    "DiskFull",
    "DiskLost",
    "Drop",
    "Duplicate",
    "Empirical",
    "Encryption",
    "Ending",
    "Exponential",
    "Failure",
    "FatTree",
    "Graph",
    "Hmac",
    "Hold",
    "InFlight",
    "InvariantBroken",
    "Job",
    "Killed",
    "LinkDown",
    "Lognormal",
    "Message",
    "Network",
    "NetworkSpec",
    "Node",
    "NodeDown",
    "NodeSpec",
    "NotStored",
    "OneSwitch",
    "OutOfMemory",
    "Overloaded",
    "Pareto",
    "Partitioned",
    "Racks",
    "Ran",
    "Released",
    "Rewrite",
    "Ring",
    "Role",
    "Rule",
    "Running",
    "Star",
    "StorageSpec",
    "TimedOut",
    "Topology",
    "Torus",
    "Uniform",
    "Weibull",
    "WideArea",
    "check_job",
    "deadlock",
    "horizon",
    "link_of",
    "loss",
    "nodes",
    "own_lines",
    "run_checked",
    "start",
]
