"""Nothing appears and nothing vanishes: messages, work, and the cluster's own baseline."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import run
from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Environment, Exponential, Trace
from simcluster.faults import Injector
from tests.strategies import faults, networks, schedules, staleness, training


@settings(max_examples=40, deadline=None)
@given(schedules, networks, staleness, st.integers(0, 3))
def test_every_message_is_delivered_dropped_with_a_cause_or_in_flight(faults, network, staleness, seed):
    trace = run(training(faults, network=network, staleness=staleness, horizon_s=0.4), seed).trace

    fates = Counter(row["message"] for row in trace.rows("deliver", "drop"))
    sent = [row["message"] for row in trace.rows("send")]
    assert len(sent) == len(set(sent))
    assert set(fates) <= set(sent)
    assert set(fates.values()) <= {1}
    assert all(row["cause"] for row in trace.rows("drop"))
    # What has no fate yet was sent within the longest time that a message can take here.
    last = trace_end = max(row["time_s"] for row in trace.rows())
    in_flight = [row for row in trace.rows("send") if row["message"] not in fates]
    assert all(last - row["time_s"] < 0.3 for row in in_flight), trace_end


@settings(max_examples=40, deadline=None)
@given(schedules, networks, staleness, st.integers(0, 3))
def test_no_work_happens_on_a_node_that_is_not_up(faults, network, staleness, seed):
    noise = Exponential(mean=1)
    trace = run(training(faults, network=network, staleness=staleness, jitter=noise, horizon_s=1.0), seed).trace

    state, booted = {}, {}
    for row in trace.rows():
        kind = row["kind"]
        if kind == "node":
            state[row["node"]] = row["state"]
            if row["state"] != "down" and booted.get(row["node"]) == "down":
                booted[row["node"]] = row["time_s"]
            if row["state"] == "down":
                booted[row["node"]] = "down"
        elif kind == "compute":
            assert state.get(row["node"], "up") == "up"
            since = booted.get(row["node"], 0.0)
            assert row["begin_s"] >= since  # nothing begun before a crash completes after it
        elif kind in ("send", "step"):
            assert state.get(row.get("source", row.get("worker")), "up") == "up"
        elif kind == "deliver":
            assert state.get(row["target"], "up") != "down"


@settings(max_examples=300, deadline=None)
@given(st.lists(faults(nodes=("n-0", "n-1", "n-2")), max_size=12))
def test_overlapping_faults_end_at_the_baseline(faults):
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3), network=NetworkSpec()), 0, Trace(env))
    injector = Injector(cluster, faults)
    env.run(until=1)

    assert cluster.at_baseline
    assert injector.never_begun == ()


def test_a_fault_under_way_is_not_the_baseline():
    from simcluster.faults import SlowNode

    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3)), 0, Trace(env))
    Injector(cluster, [SlowNode(node="n-0", factor=3, begin_s=0, end_s=2)])
    env.run(until=1)

    assert not cluster.at_baseline


sends = st.tuples(st.floats(0, 0.3), st.sampled_from("012"), st.sampled_from("012"), st.floats(0, 2e5))


@settings(max_examples=150, deadline=None)
@given(st.lists(sends, max_size=30), st.lists(faults(nodes=("n-0", "n-1", "n-2")), max_size=5))
def test_once_nothing_is_left_to_happen_every_message_has_had_one_fate(sends, faults):
    env = Environment()
    network = NetworkSpec(latency=Exponential(mean=0.01), bandwidth_bytes_per_s=1e6)
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3), network=network), 0, Trace(env))
    Injector(cluster, faults)
    for time_s, source, target, size_bytes in sends:
        node = cluster[f"n-{source}"]

        def send(_, node=node, target=f"n-{target}", size_bytes=size_bytes):
            if node.state != "down":
                node.send(target, "x", size_bytes=size_bytes)

        env.call_later(time_s, send)
    env.run()

    sent = Counter(row["message"] for row in cluster.trace.rows("send"))
    assert sent == Counter(row["message"] for row in cluster.trace.rows("deliver", "drop"))
