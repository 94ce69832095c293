"""What a master shows its policy, how long it waits, and how often it asks."""

import networkx as nx
import pytest

from simcluster import Scenario, run
from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, NodeSpec
from simcluster.engine import Constant, Environment, Trace
from simcluster.faults import CrashNode
from simcluster.recovery import Timeout
from simcluster.scheduling import Functions, TaskGraphJob, fifo
from simcluster.scheduling.fetches import fetch


def independent(count, flops=1e7):
    """A graph of tasks that take nothing of each other."""
    graph = nx.DiGraph()
    for name in range(count):
        graph.add_node(name, function=lambda: 1, flops=flops)
    return Functions(graph)


class Remembers:
    """A policy of one's own that notes how many tasks it knows to have gone, whenever it is asked."""

    def __init__(self):
        self.gone = 0

    def __call__(self, ready, nodes):
        known.append(self.gone)
        choice = fifo(ready, nodes)
        self.gone += choice is not None
        return choice


known = []


def test_a_policy_that_remembers_begins_anew_with_its_master_and_with_each_run():
    spec = ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="w", flops_per_s=1e7)))
    job = TaskGraphJob(work=independent(4), policy=Remembers(), master="m", workers=("w",))  # a second for each task
    for faults, begins in ((), 1), ((CrashNode(node="m", begin_s=2.5, end_s=2.6),), 2):
        known.clear()
        assert run(Scenario(cluster=spec, job=job, faults=faults), 0).ended == "finished"
        assert known.count(0) == begins


def test_a_worker_is_suspected_after_four_retries_unless_the_job_says_otherwise():
    job = TaskGraphJob(master="m", workers=("w",), retry_s=0.2)

    assert job.silence == Timeout(after_s=0.8)
    assert job.replace(suspicion=Timeout(after_s=3.0)).silence == Timeout(after_s=3.0)


def test_the_view_of_a_node_says_since_when_a_core_idles_and_how_long_all_would_take_for_the_rest():
    seen = []

    def looks(ready, nodes):
        seen.append({view.name: view for view in nodes})
        return fifo(ready, nodes)

    workers = (NodeSpec(name="two", cores=2, speed=2.0, flops_per_s=1e7), NodeSpec(name="one", flops_per_s=1e7))
    spec = ClusterSpec(
        nodes=(NodeSpec(name="m"), *workers),
        network=NetworkSpec(latency=Constant(value=0.0), bandwidth_bytes_per_s=None),
    )
    job = TaskGraphJob(work=independent(4), policy=looks, master="m", workers=("two", "one"), retry_s=100.0)
    run(Scenario(cluster=spec, job=job), 0)

    # Of the two cores each takes 0.5 s for a task, and "one" a second.
    assert [seen[0][name].backlog_s for name in ("two", "one")] == [0.0, 0.0]
    assert [seen[3][name].backlog_s for name in ("two", "one")] == [0.5, 1.0]
    assert [seen[3][name].idle for name in ("two", "one")] == [0, 0]
    assert seen[4]["two"].idle_since_s == pytest.approx(0.5)
    assert seen[4]["one"].idle_since_s == 0.0


@pytest.mark.parametrize("attempts", [1, 3, 6])
def test_an_output_that_nobody_gives_is_asked_for_as_often_as_the_job_says(attempts):
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="w"))), 0, Trace(env))
    job = TaskGraphJob(work=independent(1), master="m", workers=("w",), retry_s=0.5, attempts=attempts)

    asking = env.process(fetch(cluster["m"], job, "w", "task", ""))
    env.run(until=asking)

    assert asking.value == (False, None)
    assert env.now == 0.5 * attempts


def test_a_transfer_is_expected_to_take_the_latency_and_its_bytes_over_the_bandwidth():
    env = Environment()
    network = NetworkSpec(latency=Constant(value=0.25), bandwidth_bytes_per_s=1e6)
    spec = ClusterSpec(nodes=(NodeSpec(name="a"), NodeSpec(name="b")), network=network)
    transfer_s = Cluster(env, spec, 0, Trace(env)).network.expected_s

    assert [transfer_s("a", "b", size_bytes) for size_bytes in (0.0, 2e6)] == [0.25, 2.25]
    assert transfer_s("a", "a", 2e6) == 0.0


def test_a_worker_that_reports_all_the_time_is_sent_each_order_once():
    """Early binding gives one worker a hundred tasks at once; it reports one each 20 ms, and a tick comes each 100."""
    spec = ClusterSpec(nodes=(NodeSpec(name="m"), NodeSpec(name="w", flops_per_s=1e9)))
    job = TaskGraphJob(work=independent(100, 2e7), policy="utilisation", master="m", workers=("w",), retry_s=0.1)
    result = run(Scenario(cluster=spec, job=job), 0)
    orders = [row for row in result.trace.rows("send") if row["message_kind"] == "task_graph.run"]

    assert len(result.outcome) == len(orders) == 100
    assert len({row["size_bytes"] for row in orders}) == 1
