"""Servers come and go with the load: how many, when, and without the loss of a query."""

import math
from collections import Counter
from functools import partial
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NodeSpec, nodes
from simcluster.engine import Constant, Exponential, Spec
from simcluster.faults import CrashNode, PauseNode
from simcluster.recovery import HealthChecks
from simcluster.serving import (
    At,
    Fixed,
    Poisson,
    ServiceJob,
    StepScaling,
    Synthetic,
    TargetTracking,
)
from simcluster.serving.autoscalers.load import LoadMeter
from tests.built_ins import one, words

EVEN = At(times_s=tuple(0.025 * query for query in range(1600)))
DEMAND = Constant(value=0.05)
ASKED = ("s-1", "service.ask")
SERVERS = tuple(f"s-{place}" for place in range(6))


def service(autoscaler, arrivals, queries=400, *, faults=(), demand_s=DEMAND, **job):
    spec = ClusterSpec(nodes=(NodeSpec(name="front"), *nodes("s", 6)))
    made = ServiceJob(
        service=Synthetic(demand_s=demand_s),
        arrivals=arrivals,
        queries=queries,
        front_end="front",
        servers=SERVERS,
        autoscaler=autoscaler,
        **{"balancer": "least_loaded", **job},
    )
    return Scenario(cluster=spec, job=made, faults=faults, horizon_s=300.0)


def states(result):
    """What became of each server: (time, name, state)."""
    return [(row["time_s"], row["node"], row["state"]) for row in result.trace.rows("server")]


def running(result, until_s=math.inf):
    """How many servers were not off from which moment on."""
    on, counts = dict.fromkeys(SERVERS, True), [(0.0, 6)]
    for time_s, name, state in states(result):
        on[name] = state != "off"
        if time_s <= until_s:
            counts.append((time_s, sum(on.values())))
    return counts


def ended_once(result, queries):
    outcome = result.outcome
    return sorted([*outcome.answers, *outcome.lost, *outcome.failed]) == list(range(queries))


def test_as_many_run_as_would_have_the_target():
    # 40 queries a second of 0.05 s keep two cores busy: of a target of 0.5 that is four servers.
    scaled = TargetTracking(target=0.5, period_s=1.0, cool_down_s=5.0, tolerance=0.1)
    result = run(service(scaled, EVEN, 1600), 0)
    counts = running(result)

    assert result.ended == "finished"
    assert (0.0, 1) in counts  # as the job begins
    assert counts[-1][0] < 20.0
    assert counts[-1][1] == 4


@pytest.mark.parametrize("metric", ["utilisation", "concurrency"])
def test_by_a_target_that_next_to_nothing_misses_all_servers_run(metric):
    scaler = TargetTracking(target=5e-324, metric=metric, period_s=0.05)
    result = run(service(scaler, Poisson(per_s=100.0), 100), 0)

    assert len(result.outcome.answers) == 100
    assert running(result)[-1][1] == len(result.scenario.job.servers)


def test_a_cold_start_passes_before_a_server_gets_requests():
    scaled = TargetTracking(target=0.5, period_s=0.5, cold_start_s=2.0)
    result = run(service(scaled, Poisson(per_s=40.0)), 0)
    starts = {}
    for time_s, name, state in states(result):
        if state == "starting":
            starts[name] = time_s
        elif state == "active":
            assert time_s == pytest.approx(starts.pop(name) + 2.0)
    busy = {row["node"] for row in result.trace.rows("compute") if row["time_s"] < 2.5}

    assert busy & set(SERVERS) == {"s-0"}


def test_fewer_run_only_when_fewer_were_wanted_for_the_whole_cool_down():
    def drains_s(cool_down_s):
        much, little = (0.0125 * query for query in range(400)), (5.0 + 0.2 * query for query in range(60))
        arrivals = At(times_s=(*much, *little))
        scaled = TargetTracking(target=0.7, period_s=0.5, cool_down_s=cool_down_s)
        result = run(service(scaled, arrivals, 460), 0)
        return [time_s for time_s, _, state in states(result) if state == "draining"]

    assert 5.0 < drains_s(0.0)[0] <= 7.0
    assert 9.0 <= drains_s(4.0)[0] <= 11.0


def test_steps_are_taken_one_at_a_time_with_a_rest_between_them():
    scaled = StepScaling(high=0.8, low=0.3, step=2, period_s=0.5, cool_down_s=2.0)
    much, little = (query / 90 for query in range(900)), (10.0 + query / 10 for query in range(100))
    result = run(service(scaled, At(times_s=(*much, *little)), 1000), 0)
    changes = Counter((time_s, state) for time_s, _, state in states(result) if state in ("starting", "draining"))
    up, down = ([count for (_, state), count in changes.items() if state == each] for each in ("starting", "draining"))

    assert all(later - earlier >= 2.0 - 1e-9 for (earlier, _), (later, _) in pairwise(changes))
    assert (up, down) == ([2, 2, 1], [2, 2, 1])  # 1, 3, 5, 6 and back


def test_a_step_must_know_where_to_stop():
    with pytest.raises(ValueError, match=r"low must be less than high = 0.5, got 0.5"):
        StepScaling(high=0.5, low=0.5)


class Leaves(Spec):
    """An autoscaler of one's own: two servers, of which the second leaves after a second, and may come back."""

    kind: Literal["leaves"] = "leaves"
    back_s: float | None = None

    def at_start(self, replicas):
        return 2

    def run(self, node, pool):
        yield node.timer(1.0)
        pool.drain("s-1")
        if self.back_s is not None:
            yield node.timer(self.back_s)
            pool.start("s-1", cold_start_s=9.0)


def test_a_server_that_leaves_finishes_what_it_has_and_gets_nothing_new():
    arrivals = At(times_s=(0.95,) * 40 + tuple(1.0 + 0.1 * query for query in range(1, 21)))
    result = run(service(Leaves(), arrivals, 60, balancer="round_robin"), 0)
    sent_s = [row["time_s"] for row in result.trace.rows("send") if (row["target"], row["message_kind"]) == ASKED]
    done_s = [row["time_s"] for row in result.trace.rows("send") if row["source"] == "s-1"]

    assert len(result.outcome.answers) == 60
    assert all(row["attempts"] == 1 for row in result.trace.rows("query"))  # nothing was lost and asked for again
    assert (len(sent_s), len(done_s)) == (20, 20)
    assert max(sent_s) < 1.0
    ((drained_s, _, _), (off_s, _, _)) = [each for each in states(result) if each[1] == "s-1"]
    assert drained_s == pytest.approx(1.0)
    assert off_s == pytest.approx(0.95 + 20 * 0.05, abs=0.01)


def test_one_that_is_called_back_while_it_drains_is_there_at_once():
    arrivals = At(times_s=(0.95,) * 40 + tuple(1.0 + 0.1 * query for query in range(1, 21)))
    result = run(service(Leaves(back_s=0.5), arrivals, 60, balancer="round_robin"), 0)

    assert [state for _, name, state in states(result) if name == "s-1"] == ["draining", "active"]
    assert len(result.outcome.answers) == 60


def test_one_that_is_suspected_has_another_in_its_place():
    gone = CrashNode(node="s-0", begin_s=3.0)
    checks = HealthChecks(period_s=0.1, timeout_s=0.1)
    scaled = TargetTracking(target=0.5, period_s=0.5, cool_down_s=5.0)
    made = service(scaled, Poisson(per_s=40.0), 600, faults=(gone,), detector=checks, timeout_s=0.5)
    result = run(made, 0)
    last = {name: state for _, name, state in states(result)}

    assert ended_once(result, 600)
    assert sum(last.get(name, "active") == "active" for name in SERVERS[1:]) >= 4


@pytest.mark.parametrize("word", words("Autoscaler"))
def test_an_autoscaler_begins_with_one_server_at_least_and_keeps_one(word):
    part = one("Autoscaler", word)
    for replicas in range(1, 5):
        assert 1 <= part.at_start(replicas) <= replicas
    result = run(service(part, Poisson(per_s=20.0), 100), 0)

    assert ended_once(result, 100)
    assert all(count >= 1 for _, count in running(result))


def test_the_load_is_the_mean_of_the_last_period_over_those_that_run_and_are_not_suspected():
    found = []

    class Looks(Spec):
        kind: Literal["looks"] = "looks"

        def at_start(self, replicas):
            return 5

        def run(self, node, pool):
            meters = [LoadMeter(node, pool, metric) for metric in ("utilisation", "concurrency")]
            for _ in range(3):
                yield node.timer(1.0)
                pool.views["s-3"].suspected = True
                found.append([meter.load(0) for meter in meters])

    # Each of the first four has 0.5 s of work, in the second second; the last of the five, two of these.
    turns = iter(("s-0", "s-1", "s-2", "s-3", "s-4", "s-4"))
    made = service(
        Looks(), At(times_s=(1.1,) * 5 + (1.9,)), 6, demand_s=Constant(value=0.5),
        balancer=lambda query, replicas, generator: next(turns),
    )  # fmt: skip
    run(made.replace(cluster=ClusterSpec(nodes=(NodeSpec(name="front"), *nodes("s", 6, cores=2)))), 0)

    assert found[0] == [(0.0, 4), (0.0, 4)]
    assert found[1][0] == (pytest.approx((3 * 0.5 + 0.6) / 4 / 2, abs=0.01), 4)
    assert found[1][1] == (1 / 4 / 2, 4)  # one request is outstanding at the two cores of s-4


@given(st.integers(1, 20), st.floats(0, 3), st.floats(0.1, 1))
def test_so_many_are_wanted_as_are_just_enough_for_the_target(active, load, target):
    tracking = TargetTracking(target=target, tolerance=0.1)
    wanted = tracking._wanted(load, active)

    if abs(load / target - 1) <= 0.1:
        assert wanted == active
    else:
        assert wanted * target >= active * load * (1 - 1e-12)
        assert (wanted - 1) * target < active * load or wanted == 0


def test_each_shard_rests_after_its_own_steps():
    class Two(Spec):
        """The first shard is busy from the first second on, the second from the third."""

        kind: Literal["two"] = "two"

        def at_start(self, replicas):
            return 1

        def run(self, node, pool):
            yield node.spawn(self.busy(node, pool))

        def busy(self, node, pool):
            scaled = StepScaling(metric="concurrency", high=0.8, low=0.0, period_s=1.0, cool_down_s=9.0)
            node.spawn(scaled.run(node, pool))
            yield node.timer(0.5)
            pool.views["s-0"].outstanding += 1
            yield node.timer(2.0)
            pool.views["s-3"].outstanding += 1
            yield node.timer(2.0)

    made = service(Two(), At(times_s=(20.0,)), 1, shards=2, timeout_s=1.0)
    begun = [(time_s, name) for time_s, name, state in states(run(made, 0)) if state == "starting"]

    assert begun[:2] == [(1.0, "s-1"), (3.0, "s-4")]


def test_one_that_is_told_to_start_again_takes_its_whole_cold_start():
    class Wavers(Leaves):
        def at_start(self, replicas):
            return 1

        def run(self, node, pool):
            for act in (partial(pool.start, "s-1", 1.0), partial(pool.drain, "s-1"), partial(pool.start, "s-1", 1.0)):
                yield node.timer(0.25)
                act()

    result = run(service(Wavers(), At(times_s=(3.0,)), 1), 0)

    assert [(time_s, state) for time_s, name, state in states(result)[5:]] == [
        (0.25, "starting"), (0.5, "off"), (0.75, "starting"), (1.75, "active"),
    ]  # fmt: skip


def test_one_that_drains_when_the_front_end_crashes_is_off_when_that_is_up_again():
    crash = CrashNode(node="front", begin_s=1.2, end_s=1.5)
    made = service(Leaves(), At(times_s=(0.95,) * 40), 40, balancer="round_robin", faults=(crash,))
    result = run(made, 0)

    turns = [(time_s, state) for time_s, name, state in states(result) if name == "s-1"]
    assert turns == [(1.0, "draining"), (1.5, "off")]
    assert ended_once(result, 40)


AUTOSCALERS = st.sampled_from(
    [
        Fixed(servers=2),
        TargetTracking(target=0.6, period_s=0.2, cool_down_s=0.3, cold_start_s=0.15),
        TargetTracking(metric="concurrency", target=1.0, period_s=0.1, cool_down_s=0.0),
        StepScaling(period_s=0.1, cool_down_s=0.2, cold_start_s=0.05, step=2),
    ]
)
NODES = st.sampled_from(["front", *SERVERS])


@st.composite
def faults(draw):
    made = []
    for _ in range(draw(st.integers(0, 5))):
        begin_s = draw(st.floats(0.0, 3.0))
        kind = draw(st.sampled_from([CrashNode, PauseNode]))
        made.append(kind(node=draw(NODES), begin_s=begin_s, end_s=begin_s + draw(st.floats(0.05, 1.0))))
    return tuple(made)


@settings(max_examples=40, deadline=None)
@given(
    AUTOSCALERS,
    st.sampled_from(words("Balancer")),
    faults(),
    st.sampled_from([1, 2]),
    st.sampled_from(["wait", "lose"]),
    st.sampled_from([None, HealthChecks(period_s=0.1, timeout_s=0.05)]),
    st.integers(0, 9),
)
def test_whatever_crashes_pauses_starts_or_drains_every_query_ends_exactly_once(
    autoscaler, balancer, faults, shards, when_down, detector, seed
):
    made = service(
        autoscaler, Poisson(per_s=60.0), 150, faults=faults, shards=shards, when_down=when_down, detector=detector,
        balancer=one("Balancer", balancer), timeout_s=1.0, demand_s=Exponential(mean=0.02),
    )  # fmt: skip
    result = run(made, seed)

    assert result.ended == "finished"
    assert ended_once(result, 150)
    rows = [row["query"] for kind in ("query", "query_lost", "query_failed") for row in result.trace.rows(kind)]
    assert sorted(rows) == list(range(150))
    assert when_down == "lose" or not result.outcome.lost
    assert run(made, seed).digest == result.digest
