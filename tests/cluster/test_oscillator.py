"""Timers and timeouts run by their node's oscillator, whose rate the small model here integrates step by step."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from simcluster.cluster import ClockSpec, Cluster, ClusterSpec, NodeSpec, TimedOut
from simcluster.engine import Environment, Trace
from simcluster.faults import DriftClock, Injector, PauseNode, StepClock

TIMERS = st.lists(st.tuples(st.floats(0, 8), st.floats(0, 20)), min_size=1, max_size=5)
RATES = st.floats(-0.95, 5.0)
DRIFTS = st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 10), RATES), max_size=4)


def read(true_s, drift, drifts, wander_s, period_s):
    """What the oscillator has counted at a true time: the integral of its rate, between the changes of it."""
    ends = sorted({0.0, true_s, *(t for begin, last, _ in drifts for t in (begin, begin + last) if t < true_s)})
    total = 0.0
    for one, other in pairwise(ends):
        rate = 1 + drift
        for begin, last, more in drifts:
            if begin <= one < begin + last:
                rate *= 1 + more
        wander = wander_s * (math.sin(2 * math.pi * other / period_s) - math.sin(2 * math.pi * one / period_s))
        total += rate * (other - one + wander)
    return total


@settings(max_examples=150)
@given(
    drift=RATES,
    drifts=DRIFTS,
    wander=st.floats(0, 0.15),
    timers=TIMERS,
    lazy_s=st.floats(0, 4),
)
def test_a_timer_expires_when_the_oscillator_has_counted_its_delay(drift, drifts, wander, timers, lazy_s):
    env = Environment()
    clock = ClockSpec(drift=drift, wander_s=wander, wander_period_s=1.0)
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n", clock=clock),)), 0, Trace(env))
    steps = (StepClock(node="n", step_s=100.0, begin_s=1.0), StepClock(node="n", step_s=-300.0, begin_s=2.0, end_s=3.0))
    Injector(cluster, (*(DriftClock(node="n", rate=r, begin_s=b, end_s=b + e) for b, e, r in drifts), *steps))
    seen = []

    def program(node, place, begin_s, delay_s):
        yield env.timeout(begin_s)
        timer = node.timer(delay_s)
        if place % 2:  # nobody awaits it at first
            yield env.timeout(lazy_s)
        yield timer
        seen.append((place, begin_s, delay_s, env.now))

    node = cluster["n"]
    for place, (begin_s, delay_s) in enumerate(timers):
        node.spawn(program(node, place, begin_s, delay_s))
    env.run(until=5000)

    assert len(seen) == len(timers)
    terms = (drift, drifts, wander, 1.0)
    for place, begin_s, delay_s, at_s in seen:
        due = read(begin_s, *terms) + delay_s
        true_s = brentq(lambda t, due=due: read(t, *terms) - due, begin_s, 4000.0, xtol=1e-12)
        expected = max(true_s, begin_s + lazy_s) if place % 2 else true_s
        assert at_s == pytest.approx(expected, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize(("rate", "at_s"), [(1.0, 2.0), (-0.5, 5.0)])
def test_a_timeout_that_is_pending_when_a_drift_begins_follows_it(rate, at_s):
    # Three seconds of the oscillator: one before the drift begins, two at its rate.
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n"), NodeSpec(name="silent"))), 0, Trace(env))
    Injector(cluster, (DriftClock(node="n", rate=rate, begin_s=1.0),))
    seen = []

    def asks(node):
        try:
            yield node.request("silent", "ask", timeout_s=3.0)
        except TimedOut:
            seen.append(env.now)

    cluster["n"].boot(asks)
    cluster["n"].boot(asks, "asks-too")
    env.run(until=50)

    assert seen == pytest.approx([at_s, at_s])
    assert not cluster["n"]._open_requests


def test_a_timer_that_expired_in_a_pause_happens_when_the_node_resumes_whatever_its_clock_does_then():
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n"),)), 0, Trace(env))
    Injector(cluster, (PauseNode(node="n", begin_s=1, end_s=5), DriftClock(node="n", rate=-0.9, begin_s=4)))
    seen = []

    def waits(node):
        yield node.timer(2)
        seen.append(env.now)

    cluster["n"].boot(waits)
    env.run(until=50)

    assert seen == [5]


@given(st.lists(st.floats(-1, 1e308, exclude_min=True), max_size=6), st.floats(-1, 1000, exclude_min=True))
def test_no_clock_runs_backwards_whatever_drifts_add_up(rates, drift):
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n", clock=ClockSpec(drift=drift)),)), 0, Trace(env))
    clock, readings = cluster["n"].clock, []
    for place, rate in enumerate(rates):
        clock.drift(place, rate)
        env.run(until=env.now + 0.5)
        readings.append(clock.monotonic())
    for place in range(len(rates)):
        clock.undrift(place)

    assert all(one <= other for one, other in pairwise(readings))
    assert clock.at_baseline


def test_a_wander_that_would_turn_a_clock_back_is_refused():
    with pytest.raises(ValueError, match="wander_s must be less than"):
        NodeSpec(name="n", clock=ClockSpec(wander_s=1.0, wander_period_s=6.0))
