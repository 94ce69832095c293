"""Who is suspected, and when: against the closed forms of the rules, and on a network that loses heartbeats."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from simcluster.cluster import Cluster, ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Constant, Environment, Trace
from simcluster.recovery import ExpectedArrival, Heartbeats, PhiAccrual, Timeout, Watch

gaps_s = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=30)
waits_s = st.floats(0.0, 5.0)


@given(gaps_s, waits_s, st.floats(0.01, 2.0))
def test_a_time_out_counts_from_the_last_that_was_heard(gaps_s, wait_s, after_s):
    heard_s = np.cumsum(gaps_s).tolist()

    now_s = heard_s[-1] + wait_s
    assert Timeout(after_s=after_s)(heard_s, now_s) == (now_s - heard_s[-1] > after_s)


@given(st.integers(1, 50), st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.floats(0, 100.0))
def test_of_a_regular_sender_the_next_arrival_is_expected_at_its_time(count, period_s, margin_s, begin_s):
    heard_s = [begin_s + period_s * place for place in range(count)]
    due_s = begin_s + period_s * count + margin_s
    rule = ExpectedArrival(period_s=period_s, margin_s=margin_s)

    assert not rule(heard_s, due_s - 1e-9)
    assert rule(heard_s, due_s + 1e-9)


def test_the_expected_arrival_is_the_mean_over_what_was_heard_late_and_early():
    rule = ExpectedArrival(period_s=1.0, margin_s=0.5)
    heard_s = [0.0, 1.2, 1.9]  # late by 0, 0.2 and -0.1 of 0, 1, 2: 0.1/3 in the mean

    assert not rule(heard_s, 3 + 0.1 / 3 + 0.5 - 1e-9)
    assert rule(heard_s, 3 + 0.1 / 3 + 0.5 + 1e-9)


@given(gaps_s, waits_s, st.floats(0.5, 12.0), st.floats(0.01, 0.5))
def test_phi_is_that_of_the_normal_distribution_of_the_gaps(gaps_s, wait_s, threshold, least_s):
    heard_s = np.cumsum([0.0, *gaps_s]).tolist()
    seen_s = np.diff(heard_s)
    phi = -norm.logsf(wait_s, seen_s.mean(), max(seen_s.std(), least_s)) / math.log(10)
    now_s = heard_s[-1] + wait_s
    rule = PhiAccrual(threshold=threshold, least_deviation_s=least_s)

    if abs(phi - threshold) > 1e-6 * threshold:
        assert rule(heard_s, now_s) == (phi > threshold)


@pytest.mark.parametrize("heard_s", [[7.0], [2.0, 7.0]])
def test_before_two_intervals_have_been_seen_phi_goes_by_the_one_that_is_expected(heard_s):
    rule = PhiAccrual(threshold=3.0, period_s=0.5, least_deviation_s=0.1)
    due_s = 7.0 + norm.isf(10.0**-3, 0.5, 0.1)

    assert not rule(heard_s, due_s - 1e-6)
    assert rule(heard_s, due_s + 1e-6)


def silent(heard_s, now_s):
    return now_s - heard_s[-1] > 0.4


def stays(node):
    while True:
        yield node.timer(1.0)


RULES = [Timeout(after_s=0.35), ExpectedArrival(period_s=0.1, margin_s=0.25), PhiAccrual(), silent]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_crash_is_noticed_soon_and_a_restart_at_the_first_heartbeat(rule, loss):
    env = Environment()
    network = NetworkSpec(latency=Constant(value=0.001), loss_probability=loss)
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3), network=network), 1, Trace(env))
    detector, told = Heartbeats(period_s=0.1, suspicion=rule), []
    over = env.event()
    for peer in ("n-1", "n-2"):
        cluster[peer].boot(stays, "job.worker")
    detector.start(cluster, "job.worker", "n-0", ("n-1", "n-2"), over)

    def tell(*said):
        told.append((env.now, *said))

    cluster["n-0"].boot(lambda node: detector.run(node, "job.worker", ("n-1", "n-2"), tell, over), "watch")
    env.run(until=5.0)
    cluster["n-1"].crash()
    env.run(until=10.0)
    cluster["n-1"].restart()
    env.run(until=15.0)

    (gone_s, *gone), (back_s, *back) = [said for said in told if said[1] == "n-1"]
    assert (gone, back) == (["n-1", True], ["n-1", False])
    assert 5.0 < gone_s < 6.0
    assert 10.0 < back_s < 10.5


def test_a_program_that_was_killed_is_suspected_until_it_is_revived_though_its_node_lives():
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))
    detector, told, over = Heartbeats(period_s=0.1, suspicion=Timeout(after_s=0.35)), [], env.event()
    cluster["n-1"].boot(stays, "job.worker")
    detector.start(cluster, "job.worker", "n-0", ("n-1",), over)
    cluster["n-0"].boot(
        lambda node: detector.run(node, "job.worker", ("n-1",), lambda *said: told.append(said), over), "watch"
    )
    for time_s, what in ((1.0, cluster["n-1"].kill), (2.0, cluster["n-1"].revive)):
        env.run(until=time_s)
        what("job.worker")
    env.run(until=3.0)

    assert told == [("n-1", True), ("n-1", False)]


@given(st.lists(st.tuples(st.sampled_from("ab?"), st.booleans(), st.floats(0.0, 1.0)), max_size=30))
def test_a_watch_suspects_by_the_last_time_of_hearing_and_tells_of_changes_only(happens):
    told, heard_s, now_s = [], dict.fromkeys("ab", 0.0), 0.0
    watch = Watch(Timeout(after_s=0.5), "ab", now_s, lambda *said: told.append(said))
    suspected = dict.fromkeys("ab", False)
    expected = []
    for peer, looks, later_s in happens:
        now_s += later_s
        if looks:
            watch.look(now_s, None if peer == "?" else peer)
            for each in "ab" if peer == "?" else peer:
                if not suspected[each] and now_s - heard_s[each] > 0.5:
                    suspected[each] = True
                    expected.append((each, True))
        else:
            watch.hear(peer, now_s)
            if peer in heard_s:
                heard_s[peer] = now_s
                if suspected[peer]:
                    suspected[peer] = False
                    expected.append((peer, False))
        assert {peer: watch.silent_s(peer, now_s) for peer in "ab"} == {each: now_s - heard_s[each] for each in "ab"}

    assert (told, watch.suspected) == (expected, suspected)


def watched(detector, *, until_s=5.0, drift=0.0):
    """What n-0, whose clock drifts so, is told in so many seconds of n-1, which runs all the time."""
    env, told = Environment(), []
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))
    over = env.event()
    cluster["n-0"].clock.drift("test", drift)
    cluster["n-1"].boot(stays, "job.worker")
    detector.start(cluster, "job.worker", "n-0", ("n-1",), over)
    cluster["n-0"].boot(lambda node: detector.run(node, "job.worker", ("n-1",), lambda *said: told.append(said), over))
    env.run(until=until_s)
    return told


@pytest.mark.parametrize("window", [1, 4])
def test_so_many_times_of_hearing_are_remembered_as_the_window_says(window):
    seen = []

    def counts(heard_s, now_s):
        seen.append(len(heard_s))
        return False

    assert watched(Heartbeats(period_s=0.1, suspicion=counts, window=window)) == []
    assert max(seen) == window


@pytest.mark.parametrize("drift", [-0.5, 0.0, 0.9])
def test_silence_is_measured_by_the_watcher_s_own_clock_whatever_that_is_ahead_or_behind(drift):
    assert watched(Heartbeats(period_s=0.1, suspicion=Timeout(after_s=0.35)), drift=drift) == []


def test_nodes_watch_each_other_and_each_hears_of_those_that_are_gone():
    env, names, told = Environment(), ("n-0", "n-1", "n-2"), []
    cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 3)), 0, Trace(env))
    detector, over = Heartbeats(period_s=0.1, suspicion=Timeout(after_s=0.35)), env.event()

    def watches(node):
        others = [name for name in names if name != node.name]
        yield from detector.run(node, "job.worker", others, lambda *said: told.append((node.name, *said)), over)

    for name in names:
        cluster[name].boot(watches, "job.worker")
    for name in names:
        detector.start(cluster, "job.worker", name, [other for other in names if other != name], over)
    env.run(until=2.0)
    cluster["n-1"].crash()
    env.run(until=4.0)

    assert sorted(told) == [("n-0", "n-1", True), ("n-2", "n-1", True)]
