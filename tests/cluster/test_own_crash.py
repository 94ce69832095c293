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


def test_a_program_that_has_crashed_its_own_node_restarts_it_once_for_each_crash():
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 1)), 0, Trace(env))
    boots = []

    def program(node):
        boots.append(env.now)
        yield node.timer(1)
        if len(boots) < 2:
            node.crash()
            node.crash()
            node.restart()
            node.restart()
            with pytest.raises(ValueError, match="only a node that is down can restart, n-0 is down"):
                node.restart()

    cluster["n-0"].boot(program)
    env.run(until=5)

    assert boots == [0, 1]
    assert cluster["n-0"].state == "up"
