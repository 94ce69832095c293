"""A program that crashes its own node."""

import pytest

from simcluster.cluster import Cluster, ClusterSpec, NodeDown, nodes
from simcluster.engine import Environment, Trace


def test_a_program_that_crashes_its_own_node_can_ask_nothing_of_it_and_ends_at_its_next_yield():
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))
    reached = []

    def program(node):
        node.crash()
        asked = (
            lambda: node.send("n-1", "k"),
            lambda: node.request("n-1", "k"),
            lambda: node.timer(1),
            node.receive,
            lambda: node.busy(1),
            lambda: node.spawn(program(node)),
        )
        for ask in asked:
            with pytest.raises(NodeDown):
                ask()
        reached.append("the crash")
        yield env.timeout(1)
        reached.append("after the yield")

    cluster["n-0"].boot(program)
    env.run(until=5)

    assert reached == ["the crash"]
    assert list(cluster.trace.rows("send")) == []
