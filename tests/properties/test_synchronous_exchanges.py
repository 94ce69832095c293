"""Under each synchronous exchange no schedule of crashes, losses, pauses and partitions changes one bit."""

import functools

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.cluster import NetworkSpec
from simcluster.cluster.collectives import Hierarchical
from simcluster.engine import Exponential
from simcluster.learning import Momentum
from simcluster.recovery import Checkpoints, Heartbeats, Timeout
from simcluster.training import (
    AllReduce,
    ClientSampling,
    EveryoneToEveryone,
    Gossip,
    LocalSteps,
    ParameterServer,
    ReplicatedServer,
    ShardedServers,
)
from tests.strategies import faults
from tests.training.exchanges import SERVERS, finished

WATCHED = Heartbeats(period_s=0.01, suspicion=Timeout(after_s=0.06))
SYNCHRONOUS = {
    "server": {"exchange": ParameterServer(server="server-0", retry_s=0.05)},
    "replicated": {"exchange": ReplicatedServer(servers=SERVERS, retry_s=0.05, detector=WATCHED)},
    "sharded": {"exchange": ShardedServers(servers=SERVERS, retry_s=0.05)},
    "everyone": {"exchange": EveryoneToEveryone(retry_s=0.05)},
    "rabenseifner": {"exchange": AllReduce(algorithm="rabenseifner", retry_s=0.05)},
    "tree": {"exchange": AllReduce(algorithm="binomial_tree", retry_s=0.05)},
    "two levels": {"exchange": AllReduce(algorithm=Hierarchical(group=2), retry_s=0.05)},
    "gossip": {"exchange": Gossip(retry_s=0.05)},
    "overlapped": {"exchange": Gossip(graph=nx.path_graph(4), overlapped=True, retry_s=0.05)},
}
NETWORKS = [
    NetworkSpec(),
    NetworkSpec(latency=Exponential(mean=0.02), seed=99),
    NetworkSpec(latency=Exponential(mean=0.001), loss_probability=0.2, failures="reported"),
]
WORK = [{}, {"local": LocalSteps(steps=2, proximal=0.1), "optimiser": Momentum(learning_rate=0.05)}]
NODES = ("server-0", "server-1", *(f"worker-{place}" for place in range(4)))


@functools.cache
def plain(name, work, sampled):
    return learned(name, work, sampled)


def learned(name, work, sampled, schedule=(), **fields):
    fields |= {"waiting": ClientSampling(fraction=0.5)} if sampled else {}
    return finished(schedule, **SYNCHRONOUS[name], **WORK[work], **fields).outcome.parameters.tobytes()


def holds(name, schedule, work, sampled, network, kept, jitter):
    recovery = Checkpoints(every=2) if kept and name != "sharded" else None
    sampled = sampled and "server" in str(SYNCHRONOUS[name]["exchange"].kind)
    fields = {"network": network, "recovery": recovery, "jitter": jitter}
    assert learned(name, work, sampled, schedule, **fields) == plain(name, work, sampled)


GIVEN = given(
    st.lists(faults(nodes=NODES), min_size=1, max_size=6),
    st.sampled_from(range(len(WORK))),
    st.booleans(),
    st.sampled_from(NETWORKS),
    st.booleans(),
    st.sampled_from([None, Exponential(mean=1)]),
)


@pytest.mark.parametrize("name", SYNCHRONOUS)
@settings(max_examples=6, deadline=None)
@GIVEN
def test_a_few_schedules_of_faults_change_no_bit(name, schedule, work, sampled, network, kept, jitter):
    holds(name, schedule, work, sampled, network, kept, jitter)


@pytest.mark.long
@pytest.mark.parametrize("name", SYNCHRONOUS)
@settings(max_examples=500, deadline=None)
@GIVEN
def test_five_hundred_schedules_of_faults_change_no_bit(name, schedule, work, sampled, network, kept, jitter):
    holds(name, schedule, work, sampled, network, kept, jitter)
