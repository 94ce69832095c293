"""Clusters with a store, and faults to try it with."""

from hypothesis import strategies as st

from simcluster.cluster import (
    Cluster,
    ClusterSpec,
    Delay,
    Drop,
    Duplicate,
    NetworkSpec,
    NodeSpec,
    StorageSpec,
)
from simcluster.engine import Constant, Environment, Trace, stream

DISK = StorageSpec(seek_s=0.002, bandwidth_bytes_per_s=1e6, flush_s=0.001, torn_writes=True)


def machines(count=6, racks=3, *, storage=DISK, seed=0, failures="silent"):
    """Nodes n-0, n-1, … over ``racks`` racks in turn; latency 1 ms, interfaces of 1 MB/s."""
    env = Environment()
    nodes = tuple(NodeSpec(name=f"n-{i}", rack=f"rack-{i % racks}", storage=storage) for i in range(count))
    network = NetworkSpec(latency=Constant(value=0.001), bandwidth_bytes_per_s=1e6, failures=failures)
    return Cluster(env, ClusterSpec(nodes=nodes, network=network), seed, Trace(env))


def versions(node, key, store="store"):
    """Where the durable versions of a key of a distributed store are on a node's disk, by their numbers, in order."""
    prefix = f"distributed:{len(store)}:{store}/{key}#"
    found = [path for path in node.storage.keys(durable=True) if path.startswith(prefix)]
    return dict(sorted((int(path.removeprefix(prefix).split("#")[0]), path) for path in found))


def finish(cluster, program, until=None):
    """Run ``program`` (on no node) until it is over; what it returned, or the exception that it raised."""
    process = cluster.env.process(program)
    over = []

    def note(event):
        event._defused = True
        over.append(event.value)

    process.callbacks.append(note)
    while not over:
        assert until is None or cluster.env.now < until, "the program did not end in time"
        cluster.env.step()
    return over[0]


def unruly(seed, *, loss=0.0, duplication=0.0, late_s=0.0):
    """A rule that loses messages, and delivers some once more, up to ``late_s`` later."""
    draws = stream(seed, "unruly")

    def rule(message):
        lost, twice, later = draws.random(3)
        if lost < loss:
            return Drop("loss")
        if twice < duplication:
            return Duplicate(later * late_s)
        return Delay(later * later * 0.01)

    return rule


failures = st.sampled_from(["silent", "reported"])
"""Whether the network says that it dropped a request."""


@st.composite
def outages(draw, nodes, last_s):
    """A node that is down or stands still for a while."""
    begin_s = draw(st.floats(0.01, last_s))
    return (
        draw(st.sampled_from(["crash", "pause"])),
        draw(st.sampled_from(nodes)),
        begin_s,
        begin_s + draw(st.floats(0.01, last_s / 2)),
    )


def inflict(cluster, outages):
    """Let outages happen."""
    verbs = {"crash": ("crash", "restart"), "pause": ("pause", "resume")}
    for kind, name, begin_s, end_s in outages:
        begin, end = (getattr(cluster[name], verb) for verb in verbs[kind])
        cluster.env.call_later(begin_s, lambda _, begin=begin: begin())
        cluster.env.call_later(end_s, lambda _, end=end: end())


NAMES = tuple(f"n-{place}" for place in range(6))


def started(store, **fields):
    """A cluster with the store, at a time at which the coordinator has heard of all servers."""
    cluster = machines(**fields)
    store.start(cluster)
    cluster.env.run(until=0.1)
    return cluster


def holders(cluster, key):
    """The nodes that have a version of a key."""
    return tuple(name for name in NAMES if versions(cluster[name], key))
