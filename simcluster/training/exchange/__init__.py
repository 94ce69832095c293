"""Exchanges: how parameters and contributions travel between nodes."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.exchange.peers.all_reduce import AllReduce
from simcluster.training.exchange.peers.everyone_to_everyone import EveryoneToEveryone
from simcluster.training.exchange.peers.gossip import Gossip
from simcluster.training.exchange.peers.pairwise_gossip import PairwiseGossip
from simcluster.training.exchange.peers.reduce_scatter import ReduceScatter
from simcluster.training.exchange.peers.vertical import Vertical
from simcluster.training.exchange.servers.parameter_server import ParameterServer
from simcluster.training.exchange.servers.sharded_servers import ShardedServers
from simcluster.training.exchange.surviving.elastic_server import ElasticServer
from simcluster.training.exchange.surviving.replicated_server import ReplicatedServer
from simcluster.training.protocols import Exchange
from simcluster.training.secrecy import SecureAggregation

AnyExchange = Annotated[
    Exchange,
    Open(
        Exchange,
        ParameterServer,
        ReplicatedServer,
        ElasticServer,
        ShardedServers,
        AllReduce,
        ReduceScatter,
        EveryoneToEveryone,
        Gossip,
        PairwiseGossip,
        Vertical,
        SecureAggregation,
    ),
]
"""One of the exchanges above, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AllReduce",
    "AnyExchange",
    "ElasticServer",
    "EveryoneToEveryone",
    "Gossip",
    "PairwiseGossip",
    "ParameterServer",
    "ReduceScatter",
    "ReplicatedServer",
    "SecureAggregation",
    "ShardedServers",
    "Vertical",
]
