"""A small cluster for tests of its parts."""

import pytest

from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Constant, Environment, Trace


@pytest.fixture
def make():
    """Build a cluster of ``count`` nodes n-0, n-1, …; latency 0.1 s, interfaces of 1 MB/s."""

    def build(count=3, *, seed=0, network=None, **fields):
        env = Environment()
        network = network or NetworkSpec(latency=Constant(value=0.1), bandwidth_bytes_per_s=1e6)
        return Cluster(env, ClusterSpec(nodes=nodes("n", count, **fields), network=network), seed, Trace(env))

    return build
