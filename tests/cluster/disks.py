"""A node with a slow disk, so that times can be added up in the head."""

from simcluster.cluster import Cluster, ClusterSpec, NodeSpec, StorageSpec
from simcluster.engine import Environment, Trace

SLOW = StorageSpec(seek_s=0.5, bandwidth_bytes_per_s=100.0, flush_s=0.25)


def machine(spec=SLOW, **fields):
    env = Environment()
    spec = spec.replace(**fields)
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n", storage=spec),)), 0, Trace(env))
    return env, cluster["n"]


def outcome(env, event):
    """Run until ``event`` is over; its value, or why it failed."""
    over = []
    if event.callbacks is None:
        return event.value
    event.callbacks.append(over.append)
    while not over:
        env.step()
    return event.value


def timed(env, event):
    times = []
    event.callbacks.append(lambda _: times.append(env.now))
    return times
