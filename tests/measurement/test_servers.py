"""What servers cost is the time for which they were not off."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import Trace
from simcluster.measurement.servers import server_seconds

NAMES = ("s-0", "s-1", "s-2")
STATES = ("starting", "active", "draining", "off")


def trace(turns):
    return Trace.of([dict(time_s=time_s, kind="server", node=name, state=state) for time_s, name, state in turns])


def test_one_that_starts_or_drains_costs_as_much_as_any_and_one_that_says_nothing_has_run_all_the_time():
    turns = [(0.0, "s-0", "off"), (2.0, "s-0", "starting"), (3.0, "s-0", "active"), (7.0, "s-0", "draining")]

    assert server_seconds(trace([*turns, (8.0, "s-0", "off")]), ["s-0"], 10.0) == 6.0
    assert server_seconds(trace(turns), ["s-0", "s-1"], 10.0) == 8.0 + 10.0
    assert server_seconds(trace([(4.0, "another", "off")]), ["s-0"], 10.0) == 10.0


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(NAMES), st.sampled_from(STATES)), max_size=30))
def test_it_is_how_many_are_not_off_in_each_second_summed(turns):
    turns = sorted(turns, key=lambda turn: turn[0])
    expected = 0
    for second in range(25):
        states = dict.fromkeys(NAMES, "active") | {name: state for time_s, name, state in turns if time_s <= second}
        expected += sum(state != "off" for state in states.values())

    assert server_seconds(trace(turns), NAMES, 25.0) == pytest.approx(expected)
    assert math.isclose(math.fsum(server_seconds(trace(turns), [name], 25.0) for name in NAMES), expected)
