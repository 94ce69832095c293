"""Budgets, breakers, bulkheads, waits and queues, each by itself: state machines without a cluster."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.engine import stream
from simcluster.serving.resilience import (
    AdaptiveLifo,
    Bulkhead,
    CircuitBreaker,
    CoDel,
    ConsecutiveFailures,
    ControlledDelay,
    DecorrelatedJitter,
    ExponentialBackoff,
    FailureShare,
    FixedBackoff,
    FullJitter,
    LengthLimit,
    Quantile,
    ServerQueue,
    TokenBucket,
    WindowedBudget,
    at_once,
    earliest_deadline,
    first_come,
    last_come,
)
from tests.serving.line import Line, Waits


def nothing(*_):
    """Nobody listens."""


@settings(max_examples=100)
@given(
    st.sampled_from([0.0, 0.1, 0.25, 1.0]),
    st.integers(0, 5),
    st.integers(0, 20),
    st.lists(st.booleans(), min_size=1, max_size=300),
)
def test_no_prefix_of_calls_has_more_copies_than_the_budget_says(share, reserve, most, asks):
    purse, copies = TokenBucket(share=share, reserve=reserve, most=most).begin(), 0
    for calls, fails in enumerate(asks, 1):
        purse.earn(0.0)
        while fails and purse.spend(0.0):
            copies += 1
        assert copies <= reserve + share * calls + 1e-6


def test_a_tenth_is_one_in_ten_and_savings_are_bounded():
    purse = TokenBucket(share=0.1, most=2).begin()
    spent = []
    for _ in range(100):
        purse.earn(0.0)
        spent.append(purse.spend(0.0))

    assert sum(spent) == 10
    for _ in range(1000):
        purse.earn(0.0)
    assert [purse.spend(0.0) for _ in range(3)] == [True, True, False]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 0.2), st.booleans()), min_size=1, max_size=200))
def test_a_windowed_budget_holds_in_every_window_that_ends_at_a_copy(steps):
    budget = WindowedBudget(share=0.5, least_per_s=1.0, window_s=2.0)
    purse, now_s, calls_s, copies_s = budget.begin(), 0.0, [], []
    for gap_s, call in steps:
        now_s += gap_s
        if call:
            purse.earn(now_s)
            calls_s.append(now_s)
        elif purse.spend(now_s):
            copies_s.append(now_s)
            within = [sum(now_s - 2.0 < each_s for each_s in times_s) for times_s in (calls_s, copies_s)]
            assert within[1] <= 2.0 + 0.5 * within[0] + 1e-9


@pytest.mark.parametrize(
    "rule",
    [
        FixedBackoff(delay_s=0.1),
        ExponentialBackoff(base_s=0.1, cap_s=3.0),
        FullJitter(base_s=0.1, cap_s=3.0),
        DecorrelatedJitter(base_s=0.1, cap_s=3.0),
        at_once,
    ],
)
def test_a_wait_is_within_its_bounds_and_of_the_generator_alone(rule):
    for generators in [(stream(1), stream(1))]:
        first, again = ([], [])
        for waits, generator in zip((first, again), generators, strict=True):
            for attempt in [*range(1, 50), 10_000]:
                waits.append(rule(attempt, waits[-1] if waits else 0.0, generator))
        assert first == again
        assert all(0 <= wait_s <= 3.0 for wait_s in first)


def test_a_wait_cannot_be_longer_than_the_longest():
    with pytest.raises(ValueError, match=r"cap_s must be at least base_s \(2.0\), got 1.0"):
        FullJitter(base_s=2.0, cap_s=1.0)


def test_a_breaker_opens_after_its_rule_lets_one_probe_through_and_closes_when_that_is_answered():
    said = []
    guard = CircuitBreaker(trip=ConsecutiveFailures(failures=3), open_s=1.0).begin(lambda *what: said.append(what))
    for now_s, outcome in enumerate(["timed_out", "timed_out", "answered", "timed_out", "timed_out", "timed_out"]):
        assert guard.admits("a", 0, now_s)
        guard.sent("a", 0, now_s)
        guard.ended("a", 0, now_s, now_s, outcome)
    assert not guard.admits("a", 0, 5.9)
    assert guard.admits("b", 0, 5.9)

    assert guard.admits("a", 0, 6.0)
    guard.sent("a", 0, 6.0)
    assert not guard.admits("a", 0, 9.0)  # while the probe is under way
    guard.ended("a", 0, 9.0, 6.0, "timed_out")
    assert not guard.admits("a", 0, 9.9)

    guard.sent("a", 0, 10.0)
    guard.ended("a", 0, 10.5, 10.0, "answered")
    assert guard.admits("a", 0, 10.5)
    assert said == [("a", state) for state in ("open", "half_open", "open", "half_open", "closed")]


def test_a_probe_that_is_given_up_decides_nothing_and_what_was_sent_before_is_no_probe():
    guard = CircuitBreaker(trip=ConsecutiveFailures(failures=1), open_s=1.0).begin(nothing)
    guard.sent("a", 0, 0.0)
    guard.sent("a", 0, 0.0)
    guard.ended("a", 0, 1.0, 0.0, "timed_out")
    guard.sent("a", 0, 2.0)
    guard.ended("a", 0, 2.5, 0.0, "answered")  # the other of before
    assert not guard.admits("a", 0, 2.5)
    guard.ended("a", 0, 2.6, 2.0, "cancelled")
    assert guard.admits("a", 0, 2.6)


def test_a_share_of_failures_needs_calls_enough_and_forgets_old_ones():
    rule = FailureShare(share=0.5, window_s=10.0, least=4).begin()
    assert [rule.heard(True, 0.0) for _ in range(3)] == [False, False, False]
    assert [rule.heard(False, 11.0) for _ in range(3)] == [False, False, False]
    assert [rule.heard(True, 12.0) for _ in range(3)] == [False, False, True]


@settings(max_examples=100)
@given(
    st.sampled_from(["server", "shard", "service"]),
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=100),
)
def test_no_more_than_its_limit_is_under_way_in_a_bulkhead(per, limit, steps):
    guard = Bulkhead(limit=limit, per=per).begin(nothing)
    shards, under_way = {"a": 0, "b": 0, "c": 1, "d": 1}, []
    key = {"server": lambda server: server, "shard": shards.get, "service": lambda _: ""}[per]
    for server, sends in steps:
        counts = Counter(map(key, under_way))
        assert guard.admits(server, shards[server], 0.0) == (counts[key(server)] < limit)
        if sends and guard.admits(server, shards[server], 0.0):
            guard.sent(server, shards[server], 0.0)
            under_way.append(server)
        elif not sends and server in under_way:
            guard.ended(server, shards[server], 0.0, 0.0, "answered")
            under_way.remove(server)


RULES = st.lists(
    st.sampled_from(
        [
            LengthLimit(waiting=3),
            CoDel(target_s=0.5, interval_s=2.0),
            ControlledDelay(target_s=0.5, interval_s=2.0),
            LengthLimit(waiting=0),
        ]
    ),
    max_size=3,
)


@settings(max_examples=200)
@given(
    st.sampled_from([first_come, last_come, earliest_deadline, AdaptiveLifo(longer_than=2)]),
    RULES,
    st.lists(st.tuples(st.sampled_from(["put", "take"]), st.floats(0, 1), st.floats(0, 3)), max_size=60),
)
def test_each_that_comes_to_a_queue_leaves_it_once(order, rules, steps):
    line, now_s, came, left = Line(ServerQueue(order=order, shedding=tuple(rules))), 0.0, 0, []
    for what, gap_s, within_s in steps:
        now_s += gap_s
        if what == "put":
            left += [request.ident for request in line.put(Waits(came, now_s, now_s + within_s), 0, now_s)]
            came += 1
        else:
            taken, shed = line.take(now_s)
            left += [request.ident for request in shed] + ([taken.ident] if taken else [])
            assert taken is None or taken.deadline_s > now_s
            assert all(len(request.shed) == 1 for request in shed)
        assert len(line) == came - len(left)
        assert sorted(set(left)) == sorted(left)
    while len(line):
        taken, shed = line.take(now_s)
        left += [request.ident for request in shed] + ([taken.ident] if taken else [])
    assert sorted(left) == list(range(came))


def test_orders_are_first_last_most_urgent_and_last_only_in_a_long_queue():
    few = [Waits("a", 0.0, None), Waits("b", 1.0, 9.0), Waits("c", 2.0, 3.0)]
    assert [rule(few, 2.0) for rule in (first_come, last_come, earliest_deadline)] == [0, 2, 2]
    assert [AdaptiveLifo(longer_than=longest)(few, 2.0) for longest in (2, 3)] == [2, 0]


def test_a_limit_counts_those_who_wait_and_not_those_who_find_a_core():
    line = Line(ServerQueue(shedding=(LengthLimit(waiting=1),)))
    assert line.put(Waits("a", 0.0), 2, 0.0) == []
    assert line.put(Waits("b", 0.0), 1, 0.0) == []  # both found a core, and are taken
    line.take(0.0)
    line.take(0.0)
    assert line.put(Waits("c", 0.0), 0, 0.0) == []
    assert [request.shed for request in line.put(Waits("d", 0.0), 0, 0.0)] == [["queue_full"]]


def test_codel_lets_a_burst_pass_and_turns_away_ever_more_often_while_waits_are_above_its_target():
    rule = CoDel(target_s=0.1, interval_s=1.0).begin()
    dropped_s = [0.01 * tick for tick in range(1000) if rule.begins(0.2, 5, 0.01 * tick)]

    # RFC 8289: the first after an interval, the next after 1/√1, 1/√2, 1/√3 … of it.
    expected_s = [1.0]
    for count in range(1, len(dropped_s)):
        expected_s.append(expected_s[-1] + 1 / math.sqrt(count))
    assert dropped_s == pytest.approx(expected_s, abs=0.011)
    assert len(dropped_s) > 10
    assert not rule.begins(0.05, 5, 10.0)  # one below the target ends it
    assert not any(rule.begins(0.2, 5, 10.0 + 0.01 * tick) for tick in range(99))
    assert not any(CoDel().begin().begins(9.0, 0, float(tick)) for tick in range(9))  # the last in the queue


@pytest.mark.parametrize(("calm_s", "quick"), [(1.0, True), (20.0, False)])
def test_codel_goes_on_at_the_rate_that_was_right_if_that_was_a_short_while_ago(calm_s, quick):
    rule = CoDel(target_s=0.1, interval_s=1.0).begin()
    dropped = sum(rule.begins(0.2, 5, 0.01 * tick) for tick in range(801))
    rule.begins(0.0, 5, 8.01)
    begin_s = 8.01 + calm_s
    again_s = [0.01 * tick for tick in range(300) if rule.begins(0.2, 5, begin_s + 0.01 * tick)]

    # RFC 8289, section 5.4: the count begins at how many were dropped but the first, within 16 intervals; else at 1.
    assert again_s[0] == pytest.approx(1.0, abs=0.011)
    assert again_s[1] - again_s[0] == pytest.approx(1 / math.sqrt(dropped - 1) if quick else 1.0, abs=0.011)


def test_a_controlled_delay_is_short_only_where_the_queue_has_not_been_empty_for_long():
    rule = ControlledDelay(target_s=0.1, interval_s=1.0).begin()
    rule.arrives(0, 0, 5.0)
    assert not rule.begins(0.5, 3, 5.9)
    assert rule.begins(0.5, 3, 6.1)
    assert not rule.begins(0.05, 0, 6.2)
    assert not rule.begins(0.5, 3, 7.1)


def test_a_quantile_needs_calls_and_forgets_old_ones():
    latencies = Quantile(share=0.5, window=4, least=2).begin()
    found = []
    for latency_s in (1.0, 2.0, 3.0, 4.0, 9.0, 9.0, 9.0):
        latencies.heard(latency_s)
        found.append(latencies.delay_s())
    assert found == [None, 2.0, 2.0, 3.0, 4.0, 9.0, 9.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CoDel(target_s=1.0, interval_s=1.0), r"interval_s must be more than target_s \(1.0\), got 1.0"),
        (lambda: ControlledDelay(target_s=1.0, interval_s=0.5), r"interval_s must be more than target_s"),
        (lambda: Quantile(window=10), r"least must be at most window \(10\), got 20"),
        (lambda: Quantile(share=1.0), "share: "),
        (lambda: LengthLimit(waiting=-1), "waiting: "),
        (lambda: ServerQueue(order="shortest"), "order: .*got 'shortest'"),
    ],
)
def test_parts_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
