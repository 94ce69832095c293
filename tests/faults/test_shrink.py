"""Shrinking keeps the failure and leaves nothing that is superfluous."""

from typing import Literal

import pytest
from busy import Busy
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, Scenario, nodes
from simcluster.engine import AnyDistribution, Exponential, InvalidSpec, Spec
from simcluster.faults import (
    CrashNode,
    Failure,
    Fault,
    Finding,
    LoseMessages,
    PartitionNetwork,
    PartitionRing,
    SlowNode,
    shrink,
)
from simcluster.faults.search.simpler import size, times_s, with_shorter_fault, with_simpler_parts
from simcluster.testing import schedules

NAMES = ("a", "b", "c", "d")
KINDS = (CrashNode, PartitionNetwork, LoseMessages)
RULE = "it must not break"


def trial_where(breaks):
    """A trial that fails where ``breaks`` says so, and the number of runs that it was asked for."""

    def trial(faults, seed):
        trial.runs += 1
        return Failure(RULE, f"{faults}") if breaks(faults) else None

    trial.runs = 0
    return trial


def finding(faults):
    return Finding(rule=RULE, seed=0, digest=f"{faults}", faults=faults)


def shrunk(faults, breaks, **options):
    return shrink(finding(faults), trial_where(breaks), **options)


def kinds(faults):
    return sorted(type(fault).__name__ for fault in faults)


@settings(max_examples=20)
@given(schedules(NAMES, 10.0, max_size=9, kinds=KINDS), st.sets(st.sampled_from(NAMES), min_size=1))
def test_what_is_found_is_minimal_and_fails_in_the_same_way(faults, needed):
    def breaks(faults):
        return needed <= {name for fault in faults for name in fault.targets}

    if not breaks(faults):
        return
    smallest = shrunk(faults, breaks)

    assert smallest.minimal
    assert smallest.replay(trial_where(breaks)).rule == RULE
    for place in range(len(smallest.faults)):
        assert not breaks(smallest.faults[:place] + smallest.faults[place + 1 :])
    assert {name for fault in smallest.faults for name in fault.targets} == needed


@settings(max_examples=15)
@given(schedules(NAMES, last_s=10.0, max_size=9))
def test_shrinking_is_deterministic_and_shrinks_no_further_a_second_time(faults):
    def breaks(faults):
        return len({type(fault) for fault in faults}) >= 2

    if not breaks(faults):
        return
    first = shrunk(faults, breaks)

    assert shrunk(faults, breaks) == first
    assert shrunk(first.faults, breaks).faults == first.faults
    assert len(first.faults) == 2


@settings(max_examples=15)
@given(st.integers(0, 20), st.integers(0, 20))
def test_of_twenty_faults_the_two_that_matter_remain(one, two):
    faults = tuple(SlowNode(node="a", factor=2, begin_s=place, end_s=place + 1) for place in range(21))
    smallest = shrunk(faults, lambda left: {faults[one], faults[two]} <= set(left))

    assert smallest.faults == tuple(faults[place] for place in sorted({one, two}))


def test_times_become_round_equal_and_close():
    faults = (
        CrashNode(node="a", begin_s=2.3456789, end_s=9.8765432),
        PartitionNetwork(groups=(("a", "b"), ("c",)), begin_s=4.5678912, end_s=8.7654321),
    )

    def breaks(left):
        crashes = [fault for fault in left if isinstance(fault, CrashNode)]
        cuts = [fault for fault in left if isinstance(fault, PartitionNetwork) and "c" in fault.targets]
        return any(crash.begin_s <= 5.5 <= cut.end_s and cut.begin_s < crash.end_s for crash in crashes for cut in cuts)

    smallest = shrunk(faults, breaks)

    assert smallest.faults[1].groups == (("c",),)
    assert smallest.faults[0].begin_s <= 5.5 <= smallest.faults[1].end_s
    assert all(time == int(time) for time in times_s(smallest.faults))
    assert all(fault.end_s - fault.begin_s <= 2 for fault in smallest.faults)


def test_numbers_become_simple_and_names_few():
    faults = (
        SlowNode(node="a", factor=7.3251, begin_s=0, end_s=1),
        LoseMessages(probability=0.6180339, senders=("a", "b"), receivers=("c",), begin_s=0, end_s=1),
    )
    smallest = shrunk(
        faults,
        lambda left: kinds(left) == kinds(faults) and left[0].factor > 3 and left[1].probability > 0.5,
    )

    assert (smallest.faults[0].factor, smallest.faults[1].probability) == (7.0, 1.0)
    assert len({name for fault in smallest.faults for name in fault.targets}) == 1


class Burst(Spec):
    length_s: AnyDistribution
    losses: tuple[float, ...]


class Future(Fault):
    """A kind of fault that shrinking has never heard of."""

    kind: Literal["future"] = "future"
    racks: tuple[str, ...]
    burst: Burst

    @property
    def targets(self):
        return self.racks


def test_the_parts_of_a_fault_that_nobody_foresaw_become_simpler_too():
    burst = Burst(length_s=Exponential(mean=0.123), losses=(0.25, 0.75))
    fault = Future(racks=("r", "s"), burst=burst, begin_s=0, end_s=1)
    simpler = [candidate[0] for candidate in with_simpler_parts((fault,), 0)]

    assert {each.racks for each in simpler} >= {("r",), ("s",)}
    assert {each.burst.losses for each in simpler} >= {(0.25,), (0.75,), (1.0, 0.75)}
    assert 0.1 in {each.burst.length_s.mean for each in simpler}
    assert any(size((each,)) < size((fault,)) for each in simpler)


def test_a_budget_is_kept_and_what_was_found_by_then_is_told():
    faults = tuple(SlowNode(node="a", factor=2, begin_s=place, end_s=place + 1) for place in range(21))
    trial = trial_where(lambda left: faults[13] in left)
    told = []
    smallest = shrink(finding(faults), trial, budget=5, progress=lambda runs, left: told.append((runs, len(left))))

    assert trial.runs == 5
    assert not smallest.minimal
    assert smallest.replay(trial).rule == RULE
    assert told[-1] == (5, len(smallest.faults))
    assert 1 < len(smallest.faults) < 21


def test_another_failure_on_the_way_is_not_mistaken_for_the_first():
    faults = (CrashNode(node="a", begin_s=0), SlowNode(node="a", factor=2, begin_s=0))

    def trial(left, seed):
        return Failure(RULE if len(left) == 2 else "another rule", "x") if left else None

    assert shrink(Finding(rule=RULE, seed=0, digest="x", faults=faults), trial).faults[0] == faults[0]


def test_a_finding_that_does_not_fail_again_is_refused():
    with pytest.raises(ValueError, match=r"a finding must fail again .*, got seed 0 must break .* nothing any more"):
        shrunk((CrashNode(node="a", begin_s=0),), lambda faults: False)
    with pytest.raises(ValueError, match="budget must be at least 1, got 0"):
        shrunk((), lambda faults: True, budget=0)


def test_the_runs_of_a_finding_are_all_that_were_made_for_it():
    first = Finding(rule=RULE, seed=0, digest="x", faults=(CrashNode(node="a", begin_s=0),) * 3, runs=7)
    trial = trial_where(lambda faults: bool(faults))
    again = Finding.of(trial(first.faults, 0), 0, first.faults, runs=7)
    trial.runs = 0

    assert shrink(again, trial).runs == 7 + trial.runs


def test_lengths_that_are_tried_are_one_two_and_five_times_a_power_of_ten():
    (fault,) = schedule = (SlowNode(node="a", factor=2, begin_s=0, end_s=700),)
    tried = {other.end_s for (other,) in with_shorter_fault(schedule, 0) if other.begin_s == fault.begin_s}

    assert {1, 2, 5, 10, 20, 50, 100, 200, 500} <= tried
    assert all(str(end_s).replace("0", "").strip(".") in ("1", "2", "5") for end_s in tried)


def test_of_two_schedules_the_one_with_fewer_names_in_its_lists_and_numbers_nearer_to_one_is_smaller():
    def cut(*groups):
        return (PartitionNetwork(groups=groups, begin_s=1, end_s=2),)

    def slow(factor):
        return (SlowNode(node="a", factor=factor, begin_s=1, end_s=2),)

    assert size(cut(("a",)))[1] < size(cut(("a", "b")))[1] < size(cut(("a", "b", "c")))[1]
    assert size(cut(("a",), ("b",)))[1] > size(cut(("a", "b")))[1]
    assert size(slow(2.0))[5] < size(slow(0.2))[5] + 0.3 < size(slow(3.0))[5]


def test_a_shorter_fault_ends_earlier_or_begins_later_within_the_time_that_it_had():
    fault = CrashNode(node="a", begin_s=2.0, end_s=7.0)
    shorter = [schedule[0] for schedule in with_shorter_fault((fault,), 0)]

    assert all(2.0 <= one.begin_s < one.end_s <= 7.0 for one in shorter)
    assert any(one.begin_s > 2.0 and one.end_s == 7.0 for one in shorter)
    assert any(one.begin_s == 2.0 and one.end_s < 7.0 for one in shorter)


def test_one_fault_among_many_is_found_by_halves():
    many = tuple(CrashNode(node=NAMES[place % 4], begin_s=0.0 + place, end_s=1.0 + place) for place in range(256))
    trial = trial_where(lambda faults: many[77].begin_s in times_s(faults))
    shrink(finding(many), trial)

    # One by one it would take 255 runs to leave all others out, by halves some 2 log2(256) beside the rest.
    assert trial.runs < 120


def test_another_name_is_tried_whichever_comes_first():
    schedule = (CrashNode(node="a", begin_s=1, end_s=2), CrashNode(node="c", begin_s=1, end_s=2))
    tried = {(first.node, second.node) for place in (0, 1) for first, second in with_simpler_parts(schedule, place)}

    assert {("c", "c"), ("a", "a")} <= tried


def test_what_fits_no_cluster_is_passed_over_as_a_ring_of_three():
    ring = PartitionRing(nodes=tuple(f"n-{place}" for place in range(6)), begin_s=1.0, end_s=2.0)
    under = Scenario(cluster=ClusterSpec(nodes=nodes("n", 6)), job=Busy())
    with pytest.raises(InvalidSpec, match="at least 4"):
        under.under([ring.replace(nodes=ring.nodes[:3])])

    def trial(faults, seed):
        return Failure(RULE, f"{faults}") if under.under(faults).faults else None

    found = shrink(finding((ring,)), trial)
    assert found.minimal
    (left,) = found.faults
    assert len(left.nodes) == 4
