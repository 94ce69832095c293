from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster import nodes
from simcluster.faults import CrashNode, LoseRack, PauseNode, Violation, budget_exceeded, within_budget

NAMES = tuple(f"n-{place}" for place in range(5))


def crash(place, begin_s, end_s=None):
    return CrashNode(node=f"n-{place}", begin_s=begin_s, end_s=end_s)


def test_a_fixed_schedule_is_told_when_it_exceeds_its_budget_and_by_whom():
    schedule = (crash(0, 1, 5), crash(1, 2, 6), crash(2, 3, 4), crash(1, 3, 9), crash(3, 9))

    assert budget_exceeded(schedule, NAMES, 1) == (
        Violation(2, 3, ("n-0", "n-1"), 1),
        Violation(3, 4, ("n-0", "n-1", "n-2"), 1),
        Violation(4, 5, ("n-0", "n-1"), 1),
    )
    assert budget_exceeded(schedule, NAMES, 2) == (Violation(3, 4, ("n-0", "n-1", "n-2"), 2),)
    assert str(Violation(3, 4, ("n-0", "n-1"), 1)) == (
        "at most 1 nodes may be down at once, from 3 s to 4 s there are 2: ['n-0', 'n-1']"
    )


def test_a_crash_without_end_exceeds_for_ever():
    assert budget_exceeded([crash(0, 1), crash(1, 2)], NAMES, 1) == (Violation(2, inf, ("n-0", "n-1"), 1),)


def test_a_node_that_is_down_for_two_reasons_counts_once_and_a_paused_one_is_not_down():
    schedule = (crash(0, 1, 5), crash(0, 2, 6), PauseNode(node="n-1", begin_s=0, end_s=9), crash(1, 6, 7))

    assert budget_exceeded(schedule, NAMES, 1) == ()


def test_a_rack_counts_with_all_its_nodes():
    machines = nodes("n", 2, rack="r") + nodes("m", 3)

    assert budget_exceeded([LoseRack(rack="r", begin_s=1, end_s=2)], machines, 1) == (
        Violation(1, 2, ("n-0", "n-1"), 1),
    )


times = st.tuples(st.integers(0, 4), st.integers(0, 20), st.integers(1, 8) | st.none())
schedules = st.lists(times.map(lambda t: crash(t[0], t[1], None if t[2] is None else t[1] + t[2])), max_size=12)


@given(schedules, st.integers(0, 2))
def test_violations_are_what_counting_at_every_instant_finds(schedule, f):
    found = budget_exceeded(schedule, NAMES, f)

    for half in range(60):
        time_s = half / 2
        down = {fault.node for fault in schedule if fault.begin_s <= time_s < (fault.end_s or inf)}
        within = [violation for violation in found if violation.begin_s <= time_s < violation.end_s]
        assert [set(violation.down) for violation in within] == ([down] if len(down) > f else [])
    for before, after in pairwise(found):
        assert (before.end_s, before.down) != (after.begin_s, after.down), "what goes on is one violation"


@given(schedules, st.integers(1, 2))
def test_a_schedule_cut_to_its_budget_keeps_to_it_and_one_that_did_stays_whole(schedule, f):
    kept = within_budget(schedule, NAMES, f)

    assert budget_exceeded(kept, NAMES, f) == ()
    assert within_budget(kept, NAMES, f) == kept
    if not budget_exceeded(schedule, NAMES, f):
        assert sorted(kept, key=repr) == sorted(schedule, key=repr)


@pytest.mark.parametrize(
    ("schedule", "f", "message"),
    [
        ((), 6, r"f must be within \[0, 5 nodes\], got 6"),
        ((), -1, "f must be at least 0, got -1"),
        ((CrashNode(node="n-[0-2]", begin_s=1),), 2, r"f = 2 nodes down, got CrashNode of \['n-0', 'n-1', 'n-2'"),
        ((crash(9, 1),), 2, r"must name a node of the cluster .*, got 'n-9'"),
    ],
)
def test_a_budget_that_no_schedule_can_meet_is_refused(schedule, f, message):
    with pytest.raises(ValueError, match=message):
        within_budget(schedule, NAMES, f)


def test_a_crash_that_begins_as_another_ends_fits_the_same_budget():
    schedule = (crash(0, 1, 5), crash(1, 5, 6))

    assert within_budget(schedule, NAMES, 1) == schedule
    assert budget_exceeded(schedule, NAMES, 1) == ()


@pytest.mark.parametrize("count", range(1, 10))
def test_the_budget_is_the_users_and_by_default_leaves_a_majority_up(count):
    names = [f"n-{place}" for place in range(count)]
    for down in range(count + 1):
        schedule = tuple(crash(place, 1, 2) for place in range(down))

        assert (budget_exceeded(schedule, names) == ()) == (count - down > count / 2)
        assert budget_exceeded(schedule, names, down) == ()
        if count > 2:  # of fewer none may be down
            assert len(within_budget(schedule, names)) == min(down, (count - 1) // 2)
    with pytest.raises(ValueError, match=rf"f must be within \[0, {count} nodes\], got {count + 1}"):
        budget_exceeded((), names, count + 1)
