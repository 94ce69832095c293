"""Policies that are an order of tasks and a choice of node, and look no further than what is ready."""

from simcluster.scheduling.policies.greedy.edf import EarliestDeadline
from simcluster.scheduling.policies.greedy.fifo import Fifo, fifo
from simcluster.scheduling.policies.greedy.greedy import Greedy
from simcluster.scheduling.policies.greedy.nodes_in_turn import NodesInTurn
from simcluster.scheduling.policies.greedy.priority import Priority, priority
from simcluster.scheduling.policies.greedy.random_nodes import RandomNodes
from simcluster.scheduling.policies.greedy.shortest import Shortest
from simcluster.scheduling.policies.greedy.utilisation import Utilisation, utilisation

__all__ = [
    "EarliestDeadline",
    "Fifo",
    "Greedy",
    "NodesInTurn",
    "Priority",
    "RandomNodes",
    "Shortest",
    "Utilisation",
    "fifo",
    "priority",
    "utilisation",
]
