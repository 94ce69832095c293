"""The cluster: nodes, the network between them, and what goes wrong with either."""

from simcluster.cluster.cluster import Cluster, ClusterSpec
from simcluster.cluster.message import Message, TimedOut
from simcluster.cluster.network import Drop, Network, NetworkSpec, Rule, loss
from simcluster.cluster.node import Computation, Node, NodeDown, NodeSpec, nodes
from simcluster.cluster.storage import StorageSpec

__all__ = [
    "Cluster",
    "ClusterSpec",
    "Computation",
    "Drop",
    "Message",
    "Network",
    "NetworkSpec",
    "Node",
    "NodeDown",
    "NodeSpec",
    "Rule",
    "StorageSpec",
    "TimedOut",
    "loss",
    "nodes",
]
