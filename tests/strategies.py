"""Hypothesis strategies for faults, and the small scenarios that the property tests share."""

import math

from hypothesis import strategies as st

import simcluster.testing
from simcluster import Scenario
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Exponential
from simcluster.faults import CrashNode, LoseMessages, PartitionNetwork, PauseNode, SlowNode
from simcluster.learning import Bundled, Softmax
from simcluster.training import TrainingJob

WORKERS = ("worker-0", "worker-1", "worker-2")
NODES = ("server", *WORKERS)


def training(faults=(), *, network=None, jitter=None, steps=12, horizon_s=60.0, kinds=None, **job):
    """A small training scenario; a step takes about 10 ms, so it lasts about 0.15 s without faults."""
    job = {"model": Softmax(), "data": Bundled(name="iris"), "batch_size": 8, "retry_s": 0.05, **job}
    return Scenario(
        cluster=ClusterSpec(
            nodes=(NodeSpec(name="server"), *nodes("worker", 3, flops_per_s=1e5, jitter=jitter)),
            network=network or NetworkSpec(latency=Exponential(mean=0.0005)),
        ),
        job=TrainingJob(server="server", workers=WORKERS, steps=steps, **job),
        faults=tuple(faults),
        horizon_s=horizon_s,
        trace_kinds=kinds,
    )


@st.composite
def faults(draw, nodes=NODES, last_s=0.3):
    """One fault of any kind, over by ``last_s``."""
    begin_s = draw(st.floats(0, last_s * 0.8))
    when = {"begin_s": begin_s, "end_s": draw(st.floats(begin_s + 0.001, last_s))}
    node = draw(st.sampled_from(nodes))
    kind = draw(st.sampled_from(["crash", "pause", "slow", "partition", "lose"]))
    if kind == "crash":
        return CrashNode(node=node, **when)
    if kind == "pause":
        return PauseNode(node=node, **when)
    if kind == "slow":
        return SlowNode(node=node, factor=draw(st.floats(0.1, 20)), **when)
    if kind == "partition":
        return PartitionNetwork(groups=(draw(st.lists(st.sampled_from(nodes), min_size=1, unique=True)),), **when)
    return LoseMessages(probability=draw(st.floats(0, 1)), **when)


schedules = st.lists(faults(), max_size=6)
networks = simcluster.testing.networks(nodes=NODES)
staleness = st.sampled_from([0, 1, 3, math.inf])
