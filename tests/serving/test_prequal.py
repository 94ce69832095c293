"""Prequal's pool of probes: what is hot, what is used again, what is removed; and that probes are messages."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NodeSpec, nodes
from simcluster.engine import Constant, Exponential, stream
from simcluster.faults import CrashNode, LoseMessages
from simcluster.serving import Poisson, Prequal, ReplicaView, ServiceJob, Synthetic
from simcluster.serving.balancers.prequal import _Pool, _Probe
from simcluster.serving.latencies import Latencies

REPLICAS = tuple(ReplicaView(f"r-{place}") for place in range(40))


class Node:
    """As much of a node as the pool uses: probes are noted, and answered by the test."""

    def __init__(self):
        self.env, self.now, self.sent = self, 0.0, []

    def request(self, target, kind, timeout_s):
        self.sent.append((target, kind))
        self.callbacks = []
        return self


def pool(*probes, **fields):
    """A pool of probes (replica, requests in flight, latency) that have come just now."""
    made = _Pool(Prequal(**fields), Node(), "job.probe")
    for place, in_flight, latency_s in probes:
        made._probes.append(_Probe(f"r-{place}", in_flight, latency_s, 0.0, 9.0))
        made._lately.append(in_flight)
    made._sorted = sorted(made._lately)
    return made


def test_of_the_cold_the_fastest_is_chosen_and_when_all_are_hot_the_one_with_the_fewest():
    probes = (0, 9, 0.1), (1, 2, 0.5), (2, 3, 0.4), (3, 3, 0.6)

    assert pool(*probes, hot=0.5).take(REPLICAS) == "r-2"  # r-0 is faster, and hot
    assert pool(*probes, hot=1.0).take(REPLICAS) == "r-0"  # nothing is more than the most
    hot = pool(*probes)
    hot._sorted = [0] * 100
    assert hot.take(REPLICAS) == "r-1"


def test_one_that_is_chosen_counts_as_having_one_more_until_it_is_probed_again():
    cold = pool((0, 2, 0.1), (1, 2, 0.2), (2, 3, 0.3), hot=0.5)

    # More than 2 is hot: both are once they have been chosen, and then it is by the fewest.
    assert [cold.take(REPLICAS) for _ in range(4)] == ["r-0", "r-1", "r-0", "r-1"]
    assert [(probe.name, probe.in_flight) for probe in cold._probes] == [("r-0", 4), ("r-1", 4), ("r-2", 3)]


def test_a_probe_is_used_as_often_as_the_pool_must_last():
    # 2/((1 − 16/40)·3 − 1) = 2.5: two or three times; and without end where as many are removed as come.
    for fields, expected in (({}, {2, 3}), ({"probes": 1.0}, {float("inf")})):
        probed, generator = pool(**fields), stream(0)
        used = []
        probed._heard = lambda name, uses, reply, used=used: used.append(uses)
        for _ in range(400):
            probed.probe(REPLICAS, generator)
            probed._node.callbacks[0](None)
        assert set(used) == expected
        if not fields:
            assert np.mean(used) == pytest.approx(2.5, abs=0.1)  # four standard errors of 1/2/√400


def test_each_query_sends_its_probes_to_different_replicas_and_a_fraction_now_and_then():
    probed, generator = pool(probes=2.5), stream(0)
    counts = []
    for _ in range(200):
        before = len(probed._node.sent)
        probed.probe(REPLICAS, generator)
        new = probed._node.sent[before:]
        counts.append(len(new))
        assert len(set(new)) == len(new)

    assert counts == [2, 3] * 100
    assert {kind for _, kind in probed._node.sent} == {"job.probe"}
    assert len({target for target, _ in probed._node.sent}) == 40


def test_the_oldest_and_the_worst_are_removed_in_turn():
    probed = pool((0, 1, 0.1), (1, 1, 0.5), (2, 1, 0.2), (3, 1, 0.3), (4, 9, 0.1), probes=0.0, hot=0.5)
    left = []
    for _ in range(4):
        probed.probe(REPLICAS, stream(0))
        left.append("".join(probe.name[2:] for probe in probed._probes))

    assert left == ["1234", "123", "23", "2"]  # oldest 0; worst 4, which is hot; oldest 1; worst 3, the slowest


def test_old_probes_and_those_of_replicas_that_may_not_be_asked_count_for_nothing():
    probed = pool((0, 1, 0.1), (1, 1, 0.2), (2, 1, 0.3))
    assert probed.take(REPLICAS[1:]) == "r-1"
    assert probed.take(REPLICAS[2:]) is None  # of one alone nobody knows whether it is good
    assert probed.take(REPLICAS[2:3]) == "r-2"
    probed._node.now = 1.5
    assert probed.take(REPLICAS) is None
    assert probed._probes == []


def heard(probed, place, in_flight=1, latency_s=0.1):
    """A probe has come back."""
    probed._heard(f"r-{place}", 9.0, SimpleNamespace(ok=True, value=SimpleNamespace(body=(in_flight, latency_s))))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=60), st.integers(2, 5))
def test_the_pool_keeps_the_last_probe_of_each_replica_and_of_more_than_it_holds_the_youngest(probes, size):
    probed, last = pool(pool=size), {}
    for place, in_flight in probes:
        heard(probed, place, in_flight)
        last.pop(place, None)
        last[place] = in_flight

    kept = [(probe.name, probe.in_flight) for probe in probed._probes]
    assert kept == [(f"r-{place}", in_flight) for place, in_flight in last.items()][-size:]


def test_a_probe_that_is_as_old_as_it_becomes_counts_for_nothing():
    probed = pool((0, 1, 0.1), (1, 1, 0.2), age_s=2.0)
    probed._node.now = 1.999
    assert probed.take(REPLICAS) == "r-0"
    probed._node.now = 2.0
    assert probed.take(REPLICAS) is None


def test_a_server_expects_the_median_of_its_latencies_at_alike_load():
    latencies = Latencies()
    assert latencies.expected_s(0) is None
    for requests, latency_s in ((0, 0.1), (0, 0.2), (0, 0.3), (1, 0.4), (0, 0.5), (7, 9.0), (8, 8.0), (9, 7.0)):
        latencies.add(requests, latency_s)

    assert latencies.expected_s(0) == 0.3
    assert latencies.expected_s(8) == 7.0  # of 9, 8, 7, 0.4 and one of the others
    for _ in range(64):
        latencies.add(0, 1.0)
    assert latencies.expected_s(9) == 1.0  # old ones are forgotten


def served(balancer, seed=0, *, faults=(), slow=1.0, queries=1500, load=0.7):
    spec = ClusterSpec(
        nodes=(
            NodeSpec(name="front"),
            *nodes("fast", 10, flops_per_s=1e9, jitter=Exponential(mean=1.0)),
            *nodes("slow", 10, flops_per_s=1e9 / slow, jitter=Exponential(mean=1.0)),
        )
    )
    job = ServiceJob(
        service=Synthetic(demand_s=Constant(value=0.01)),
        arrivals=Poisson(per_s=load * 1000 * (1 + 1 / slow)),
        queries=queries,
        balancer=balancer,
        front_end="front",
        servers=spec.names[1:],
        timeout_s=2.0,
    )
    return run(Scenario(cluster=spec, job=job, faults=faults, horizon_s=1000.0), seed)


def test_probes_are_messages_of_which_a_query_sends_three():
    result = served(Prequal(pool=5), queries=200)
    kinds = Counter(row["message_kind"] for row in result.trace.rows("send"))

    assert kinds["service.probe"] == 3 * 200
    assert kinds["service.probe-reply"] <= kinds["service.probe"]


def test_lost_probes_and_crashed_servers_are_chosen_by_what_is_left():
    faults = CrashNode(node="fast-1", begin_s=0.1, end_s=0.5), LoseMessages(probability=0.2, begin_s=0.0)
    result = served(Prequal(pool=5), faults=faults, queries=400)

    assert result.ended == "finished"
    assert len(result.outcome.answers) == 400


@pytest.mark.slow
def test_probes_tell_a_slow_machine_from_a_busy_one_as_queues_alone_do_not():
    def p99_s(balancer):
        return np.mean([served(balancer, seed, slow=4.0, queries=4000).metrics["sojourn_s_p99"] for seed in range(3)])

    assert p99_s(Prequal(pool=5)) < p99_s("power_of_two_choices")
