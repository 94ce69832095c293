"""Max-min fairness on random networks, against its definition and an exact reference that shares no code."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster.network.flows import FlowNetwork
from simcluster.cluster.network.topology import FatTree, Racks, Ring, Torus
from simcluster.kernels import reference
from simcluster.kernels.flow import max_min

NODES = tuple(f"n{i}" for i in range(12))
FABRICS = [
    topology.fabric(NODES)
    for topology in (Racks(racks=3, oversubscription=3), FatTree(k=4), Ring(), Torus(rows=3, columns=4))
]
# Small whole numbers make ties, which fractions decide exactly; the others make none.
CAPACITIES = st.one_of(st.integers(0, 6).map(float), st.floats(1e-3, 1e6))
SIZES = st.one_of(st.integers(0, 8).map(float), st.floats(0, 1e4))


@st.composite
def networks(draw):
    """Capacities and a strategy of routes: any links in any order, or the routes of a topology."""
    if draw(st.booleans()):
        n = draw(st.integers(1, 8))
        routes = st.lists(st.integers(0, n - 1), max_size=n, unique=True).map(tuple)
    else:
        fabric = draw(st.sampled_from(FABRICS))
        n = len(fabric.links)
        ends = st.sampled_from(NODES)
        routes = st.tuples(ends, ends).map(lambda pair: fabric.route(*pair))
    same = draw(st.none() | CAPACITIES)
    return [draw(CAPACITIES) if same is None else same for _ in range(n)], routes


@st.composite
def transfers(draw):
    capacities, routes = draw(networks())
    return capacities, draw(st.lists(routes, max_size=12))


def rows(routes):
    starts = np.cumsum([0, *map(len, routes)]).astype(np.int64)
    return starts, np.array([link for route in routes for link in route], dtype=np.int64)


def exact(capacities, routes):
    """Fractions: all rates that may rise do, by as much as the first link allows, until none may."""
    rates = [Fraction(0) if route else math.inf for route in routes]
    rising = [i for i, route in enumerate(routes) if route]
    free = [Fraction(capacity) for capacity in capacities]
    while rising:
        on = [sum(link in routes[i] for i in rising) for link in range(len(free))]
        step = min(free[link] / n for link, n in enumerate(on) if n)
        free = [left - step * n for left, n in zip(free, on, strict=True)]
        for i in rising:
            rates[i] += step
        rising = [i for i in rising if all(free[link] > 0 for link in routes[i])]
    return rates


def ends_of(capacities, transfers):
    """Fractions: when each transfer, all begun at 0, is over; infinity where it stands still for ever."""
    left = {i: Fraction(size) if route else Fraction(0) for i, (route, size) in enumerate(transfers)}
    ends, now = {}, Fraction(0)
    while left:
        for i in [i for i, size in left.items() if size == 0]:
            ends[i] = now
            del left[i]
        rates = dict(zip(left, exact(capacities, [transfers[i][0] for i in left]), strict=True))
        moving = [i for i in left if rates[i] > 0]
        if not moving:
            return ends | dict.fromkeys(left, math.inf)
        step = min(left[i] / rates[i] for i in moving)
        now += step
        for i in moving:
            left[i] -= rates[i] * step
    return ends


def close(found, expected):
    np.testing.assert_allclose(found, [float(value) for value in expected], rtol=1e-9, atol=1e-300)


@given(transfers())
def test_rates_equal_those_of_exact_arithmetic_and_of_the_numpy_reference(case):
    capacities, routes = case
    arguments = (np.array(capacities), *rows(routes))
    expected = exact(capacities, routes)
    close(max_min(*arguments), expected)
    close(reference.max_min(*arguments), expected)
    assert max_min(*arguments).tobytes() == max_min(*arguments).tobytes()


def assert_fair(capacities, routes, rates):
    """Each flow has a full link on which none has more: it cannot gain without one that has no more losing."""
    loads = [sum(r for r, route in zip(rates, routes, strict=True) if link in route) for link in range(len(capacities))]
    for load, capacity in zip(loads, capacities, strict=True):
        assert load <= capacity * (1 + 1e-9)
    for rate, route in zip(rates, routes, strict=True):
        if not route:
            assert rate == math.inf
            continue
        assert any(
            loads[link] >= capacities[link] * (1 - 1e-9)
            and all(r <= rate * (1 + 1e-9) for r, other in zip(rates, routes, strict=True) if link in other)
            for link in route
        )


@given(transfers())
def test_no_flow_can_gain_without_a_smaller_one_losing(case):
    capacities, routes = case
    assert_fair(capacities, routes, max_min(np.array(capacities), *rows(routes)))


@given(networks(), st.data())
def test_after_any_changes_the_rates_are_those_of_computing_all_anew_and_bytes_stay_within_capacity(network, data):
    capacities, routes = network
    flows, under_way = FlowNetwork(capacities), {}
    for flow_id in range(data.draw(st.integers(1, 25))):
        change = data.draw(st.sampled_from(["start", "start", "start", "finish", "capacity", "advance"]))
        if change == "start":
            under_way[flow_id] = data.draw(routes)
            flows.start(flow_id, under_way[flow_id], data.draw(SIZES))
        elif change == "finish" and under_way:
            gone = data.draw(st.sampled_from(sorted(under_way)))
            flows.finish(gone)
            del under_way[gone]
        elif change == "capacity":
            link = data.draw(st.integers(0, len(capacities) - 1))
            near_load = st.floats(0.5, 1.5).map(lambda times, link=link: times * flows.load_bytes_per_s(link))
            capacities[link] = data.draw(CAPACITIES | near_load)
            flows.set_capacity(link, capacities[link])
        elif change == "advance":
            _advance_and_weigh(flows, under_way, capacities, data.draw(st.floats(0, 3)))
        if data.draw(st.booleans()):  # or let several changes be computed as one
            continue
        routes_now = list(under_way.values())
        found = [flows.rate_bytes_per_s(i) for i in under_way]
        close(found, max_min(np.array(capacities), *rows(routes_now)))
        assert_fair(capacities, routes_now, found)


def _advance_and_weigh(flows, under_way, capacities, seconds):
    """Move on; no link has carried more than its capacity allows in the time, and in what counts as one moment."""
    before = {i: flows.remaining_bytes(i) for i in under_way}
    sizes = sum(before.values())
    done = {i for _, i in flows.advance(flows.now_s + seconds)}
    moment_s = 2.0**-47 * flows.now_s + 2.0**-1000
    for link, capacity in enumerate(capacities):
        carried = sum(
            before[i] - (0.0 if i in done else flows.remaining_bytes(i)) for i in under_way if link in under_way[i]
        )
        assert carried <= capacity * (seconds * (1 + 1e-9) + moment_s) + 1e-9 * sizes
    for i in done:
        del under_way[i]


@given(st.data())
def test_transfers_end_when_exact_arithmetic_says_in_order_of_time_and_id(data):
    capacities, routes = data.draw(networks())
    begun = data.draw(st.lists(st.tuples(routes, SIZES), min_size=1, max_size=8))
    flows = FlowNetwork(capacities)
    for flow_id, (route, size) in enumerate(begun):
        flows.start(flow_id, route, size)
    expected = ends_of(capacities, begun)
    completed = flows.advance(1e12)
    assert completed == sorted(completed)
    assert {i for _, i in completed} == {i for i, end in expected.items() if end < math.inf}
    for end, i in completed:
        assert end == pytest.approx(float(expected[i]), rel=1e-9)


@given(st.data())
def test_times_do_not_depend_on_how_often_one_looks(data):
    capacities, routes = data.draw(networks())
    begun = data.draw(st.lists(st.tuples(routes, SIZES), min_size=1, max_size=8))
    seldom, often = FlowNetwork(capacities), FlowNetwork(capacities)
    for network in (seldom, often):
        for flow_id, (route, size) in enumerate(begun):
            network.start(flow_id, route, size)
    seen = []
    while (following := often.next_completion()) is not None:
        seen += often.advance((often.now_s + following[0]) / 2)
        seen += often.advance(following[0])
    # But for ends within 2**-1000 s of a look, which count as the same moment, not a bit differs.
    at_once = {flow_id: pytest.approx(end_s, rel=0, abs=2.0**-1000) for end_s, flow_id in seldom.advance(1e15)}
    assert {flow_id: end_s for end_s, flow_id in seen} == at_once
    assert seen == sorted(seen)
