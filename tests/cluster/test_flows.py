"""FlowNetwork: closed forms of transfers that share links, and what it refuses."""

import math

import numpy as np
import pytest

from simcluster.cluster.network.flows import FlowNetwork
from simcluster.cluster.network.topology import Racks
from simcluster.kernels.flow import flows, max_min

FOREVER_S = 1e6


def started(capacities, *transfers):
    network = FlowNetwork(capacities)
    for flow_id, (links, size_bytes) in enumerate(transfers):
        network.start(flow_id, links, size_bytes)
    return network


def rates(network, *ids):
    return [network.rate_bytes_per_s(flow_id) for flow_id in ids]


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_n_equal_flows_on_one_link_take_n_times_as_long_as_one_and_end_together(n):
    network = started([100.0], *[((0,), 50.0)] * n)
    assert network.next_completion() == (pytest.approx(0.5 * n, rel=1e-12), 0)
    completed = network.advance(FOREVER_S)
    assert [flow_id for _, flow_id in completed] == list(range(n))
    assert len({time_s for time_s, _ in completed}) == 1


def test_unequal_flows_on_one_link_end_at_the_times_of_processor_sharing():
    # Of sizes s_1 <= s_2 <= ...: the k-th ends s_k - s_{k-1} shares of n - k + 1 after the one before.
    network = started([10.0], ((0,), 10.0), ((0,), 20.0), ((0,), 40.0))
    assert network.advance(FOREVER_S) == [(3.0, 0), (5.0, 1), (7.0, 2)]


def test_a_parking_lot_halves_the_long_flow_on_each_of_its_links():
    # Bertsekas & Gallager, Data Networks, figure 6.10: one flow over all links, one over each.
    network = started([1.0] * 4, ((0, 1, 2, 3), 1.0), *(((link,), 1.0) for link in range(4)))
    assert rates(network, 0, 1, 2, 3, 4) == [0.5] * 5


def test_the_flow_over_the_fuller_link_leaves_the_rest_of_the_other_to_the_others():
    # 0 and 1 share link 0 with 2, so 1/3 each; 3 has what 2 leaves of link 1.
    network = started([1.0, 1.0], ((0,), 9.0), ((0,), 9.0), ((0, 1), 9.0), ((1,), 9.0))
    assert rates(network, 0, 1, 2, 3) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 2 / 3])


def test_a_bottleneck_moves_when_a_flow_ends():
    # Until 1 ends at 2 s link 0 gives 0 and 1 each 5; then 0 is limited by link 1, which it shares with 2 at 8.
    network = started([10.0, 16.0], ((0, 1), 26.0), ((0,), 10.0), ((1,), 100.0))
    assert rates(network, 0, 1, 2) == [5.0, 5.0, 11.0]
    assert network.advance(2.0) == [(2.0, 1)]
    assert rates(network, 0, 2) == [8.0, 8.0]
    # 0 has 16 bytes left, 2 s; then 2 has 100 - 22 - 16 left alone on link 1.
    assert network.advance(FOREVER_S) == [(4.0, 0), (4.0 + 62.0 / 16.0, 2)]


def test_a_flow_that_starts_later_slows_the_others_from_then_on_only():
    network = started([10.0], ((0,), 100.0))
    network.advance(4.0)
    network.start(1, (0,), 20.0)
    assert network.remaining_bytes(0) == 60.0
    assert network.advance(FOREVER_S) == [(8.0, 1), (12.0, 0)]


def test_flows_of_other_links_keep_their_times_to_the_bit():
    network = started([3.0, 7.0], ((0,), 1.0))
    alone = network.next_completion()
    for flow_id in range(1, 50):
        network.advance(flow_id / 200)
        network.start(flow_id, (1,), 1.0)
    assert alone == (1.0 / 3.0, 0)
    assert network.next_completion() == alone


def test_incast_over_an_oversubscribed_uplink_takes_the_time_of_the_uplink():
    nodes = tuple(f"n{i}" for i in range(8))
    fabric = Racks(racks=2, oversubscription=4, bandwidth_bytes_per_s=100.0).fabric(nodes)
    network = FlowNetwork(fabric.capacities_bytes_per_s)
    for flow_id in range(4):
        network.start(flow_id, fabric.route(nodes[flow_id], nodes[4 + flow_id]), 100.0)
    assert network.load_bytes_per_s(fabric.index["rack-0.switch->core"]) == 100.0
    assert network.advance(FOREVER_S) == [(4.0, flow_id) for flow_id in range(4)]


def test_a_flow_over_no_link_or_of_no_byte_is_complete_at_once():
    network = started([1.0], ((), 1e9), ((0,), 0.0), ((0,), 1.0))
    assert network.next_completion() == (0.0, 0)
    assert network.advance(0.0) == [(0.0, 0), (0.0, 1)]
    assert network.advance(FOREVER_S) == [(1.0, 2)]


def test_flows_stand_still_on_a_link_without_capacity_and_go_on_when_it_returns():
    network = started([10.0], ((0,), 100.0))
    network.advance(4.0)
    network.set_capacity(0, 0.0)
    assert network.next_completion() is None
    assert network.advance(1000.0) == []
    assert network.remaining_bytes(0) == 60.0
    network.set_capacity(0, 20.0)
    assert network.next_completion() == (1003.0, 0)


def test_what_leaves_a_link_that_stands_still_is_given_to_the_others():
    network = started([10.0, 10.0], ((0, 1), 100.0), ((0,), 100.0))
    network.set_capacity(1, 0.0)
    assert rates(network, 0, 1) == [0.0, 10.0]
    network.set_capacity(1, 2.0)
    assert rates(network, 0, 1) == [2.0, 8.0]


def test_a_link_that_falls_below_its_load_becomes_the_bottleneck():
    network = started([10.0, 10.0], ((0, 1), 100.0), ((0,), 100.0))
    assert rates(network, 0, 1) == [5.0, 5.0]
    network.set_capacity(1, 4.0)
    assert rates(network, 0, 1) == [4.0, 6.0]
    network.set_capacity(1, 4.5)
    assert rates(network, 0, 1) == [4.5, 5.5]
    network.set_capacity(1, 100.0)
    assert rates(network, 0, 1) == [5.0, 5.0]


def test_a_link_may_become_finite_and_infinite_again():
    network = started([math.inf, 10.0], ((0, 1), 100.0), ((1,), 100.0))
    network.set_capacity(0, 3.0)
    assert rates(network, 0, 1) == [3.0, 7.0]
    network.set_capacity(0, math.inf)
    assert rates(network, 0, 1) == [5.0, 5.0]


def test_an_infinite_link_limits_nobody():
    network = started([math.inf, 4.0], ((0,), 8.0), ((0, 1), 8.0))
    assert rates(network, 0, 1) == [math.inf, 4.0]
    assert network.advance(FOREVER_S) == [(0.0, 0), (2.0, 1)]


def test_a_flow_that_is_taken_out_says_what_it_had_not_sent_and_leaves_its_share():
    network = started([10.0], ((0,), 100.0), ((0,), 100.0))
    network.advance(4.0)
    assert network.finish(0) == 80.0
    assert 0 not in network
    assert len(network) == 1
    assert network.advance(FOREVER_S) == [(12.0, 1)]
    network.start(0, (0,), 10.0)
    assert network.finish(0) == 10.0


def test_whoever_wakes_up_by_adding_a_delay_finds_the_flow_complete():
    # now + (end - now) may be a rounding less than end: that must not leave a flow that never ends.
    now_s, end_s = 2.0**-53, 1.0 + 3 * 2.0**-52
    network = started([1.0], ((0,), end_s))
    assert network.advance(now_s) == []
    assert network.next_completion() == (end_s, 0)
    woken_s = now_s + (end_s - now_s)
    assert woken_s < end_s
    assert network.advance(woken_s) == [(woken_s, 0)]


def test_flows_whose_ends_differ_by_rounding_end_together_in_order_of_id():
    first_s = 0.3 / 0.1
    assert first_s < 3.0
    network = started([1.0, 0.1], ((0,), 3.0), ((1,), 0.3))
    assert network.next_completion() == (first_s, 0)
    assert network.advance(FOREVER_S) == [(first_s, 0), (first_s, 1)]


def test_tables_grow_past_their_first_room_in_flows_links_and_hops():
    capacities = np.arange(1.0, 41.0)
    network = FlowNetwork(capacities)
    for flow_id in range(100):
        network.start(flow_id, range(flow_id % 40), 1.0)
    starts = np.cumsum([0, *(flow_id % 40 for flow_id in range(100))])
    links = np.concatenate([np.arange(flow_id % 40) for flow_id in range(100)])
    expected = max_min(capacities, starts, links)
    assert rates(network, *range(100)) == pytest.approx(list(expected), rel=1e-9)


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda network: network.start(0, (0,), 1.0), r"flow_id must be new, got 0, which is under way"),
        (lambda network: network.start(1, (2,), 1.0), r"links must be within \[0, 2\), got 2"),
        (lambda network: network.start(1, (-1,), 1.0), r"links must be within \[0, 2\), got -1"),
        (lambda network: network.start(1, (1, 0, 1), 1.0), r"must pass each link once, got link 1 at 0 and 2"),
        (lambda network: network.start(1, (0,), -1.0), r"size must be finite and at least 0, got -1.0"),
        (lambda network: network.start(1, (0,), math.nan), r"size must be finite and at least 0, got nan"),
        (lambda network: network.finish(1), r"flow_id must be under way, got 1"),
        (lambda network: network.rate_bytes_per_s(1), r"flow_id must be under way, got 1"),
        (lambda network: network.advance(0.5), r"now_s must be finite and at least 1.0, the last time, got 0.5"),
        (lambda network: network.advance(math.inf), r"now_s must be finite and at least 1.0, the last time, got inf"),
        (lambda network: network.set_capacity(0, -1.0), r"capacities must be at least 0, got -1.0 at link 0"),
        (lambda network: network.set_capacity(5, 1.0), r"links must be within \[0, 2\), got 5"),
        (lambda network: network.load_bytes_per_s(5), r"links must be within \[0, 2\), got 5"),
        (lambda network: FlowNetwork([1.0, math.nan]), r"capacities must be at least 0, got nan at link 1"),
    ],
)
def test_misuse_is_refused_with_the_rule_and_the_value_and_changes_nothing(misuse, message):
    network = started([1.0, 2.0], ((0, 1), 10.0))
    network.advance(1.0)
    with pytest.raises(ValueError, match=message):
        misuse(network)
    assert len(network) == 1
    assert network.advance(FOREVER_S) == [(10.0, 0)]


INT = np.int64


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1.0], np.zeros(1, INT), np.zeros(0, INT)), TypeError, r"capacities must be a NumPy array, got list"),
        ((np.ones(1, np.float32), np.zeros(1, INT), np.zeros(0, INT)), TypeError, r"must be float64, got float32"),
        ((np.ones(1), np.zeros(1), np.zeros(0, INT)), TypeError, r"starts must be int64, got float64"),
        ((np.ones(1), np.zeros(1, INT), np.zeros((1, 1), INT)), ValueError, r"links must have 1 axes, got shape"),
        ((np.ones(4)[::2], np.zeros(1, INT), np.zeros(0, INT)), ValueError, r"must be C-contiguous, got strides"),
        ((np.ones(1), np.zeros(0, INT), np.zeros(0, INT)), ValueError, r"starts must have at least one .*, got 0"),
        ((np.ones(1), np.array([0, 2]), np.zeros(1, INT)), ValueError, r"starts must run from 0 to 1, .*got \[0 2\]"),
        ((np.ones(1), np.array([0, 1, 0, 1]), np.zeros(1, INT)), ValueError, r"must not decrease, got 1 before 0 at 1"),
        ((np.ones(1), np.array([0, 1]), np.array([3])), ValueError, r"links must be within \[0, 1\), got 3"),
    ],
)
def test_the_kernel_refuses_wrong_arrays_with_the_numbers(arguments, error, message):
    with pytest.raises(error, match=message):
        max_min(*arguments)


def test_an_empty_slot_has_nothing_to_say():
    table = flows(np.ones(1))
    slot = table.add(np.zeros(1, INT), 1.0, 0.0)
    table.remove(slot, 0.0)
    for ask in (lambda: table.unsent(slot, 0.0), lambda: table.remove(slot, 0.0), lambda: table.rates([99])):
        with pytest.raises(ValueError, match=r"slot must hold a flow, got"):
            ask()


def test_ends_too_near_0_to_be_told_apart_are_one_moment_in_the_order_of_ids():
    network = FlowNetwork([2.0])
    for flow_id, size in enumerate([0.0, 5e-324, 0.0]):
        network.start(flow_id, [0], size)

    assert network.advance(1.0) == [(0.0, 0), (0.0, 1), (0.0, 2)]
