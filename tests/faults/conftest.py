"""A small cluster that faults happen to, and what they did to the messages that cross it."""

from collections import Counter

import pytest

from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, NodeSpec
from simcluster.engine import Constant, Environment, Trace
from simcluster.faults import Injector


@pytest.fixture
def make():
    """Build a cluster of nodes n-0, n-1, … under faults; racks of two; latency 1 s, interfaces that never queue."""

    def build(*faults, count=3, seed=0, network=None, **fields):
        env = Environment()
        machines = tuple(
            NodeSpec(name=f"n-{place}", rack=f"rack-{place // 2}", zone="here", memory_bytes=100.0, **fields)
            for place in range(count)
        )
        network = network or NetworkSpec(latency=Constant(value=1.0), bandwidth_bytes_per_s=None)
        cluster = Cluster(env, ClusterSpec(nodes=machines, network=network), seed, Trace(env))
        cluster.injector = Injector(cluster, faults)
        return cluster

    return build


@pytest.fixture
def at():
    """Do something to a cluster at a time."""

    def call(cluster, time_s, function, *arguments, **fields):
        cluster.env.call_later(time_s, lambda _: function(*arguments, **fields))

    return call


@pytest.fixture
def send(at):
    """Send a message from n-i to n-j at a time; its kind is what one looks for in the trace."""

    def schedule(cluster, time_s, source, target, kind="x", **fields):
        at(cluster, time_s, cluster[f"n-{source}"].send, f"n-{target}", kind, **fields)

    return schedule


def delivered(cluster):
    """When each kind of message was delivered."""
    return {row["message_kind"]: row["time_s"] for row in cluster.trace.rows("deliver")}


def dropped(cluster):
    """Why each kind of message was dropped."""
    return {row["message_kind"]: row["cause"] for row in cluster.trace.rows("drop")}


def links_that_drop(cluster):
    """The links, as pairs of places, on which something was dropped."""
    return Counter((int(row["source"][2:]), int(row["target"][2:])) for row in cluster.trace.rows("drop"))
