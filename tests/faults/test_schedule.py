import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, WideArea
from simcluster.engine import (
    Constant,
    Exponential,
    LinkName,
    Lognormal,
    Minority,
    NodeGroups,
    NodeName,
    NodeSides,
    RackName,
    Weibull,
)
from simcluster.faults import (
    CrashNode,
    Fault,
    LoseRack,
    PauseNode,
    SlowNode,
    Swarm,
    budget_exceeded,
    draw_crashes,
    draw_faults,
    heal,
)
from simcluster.faults.vocabulary import KINDS

NAMES = tuple(f"n-{place}" for place in range(5))


@pytest.mark.parametrize("shape", [0.7, 1.0, 2.0])
def test_under_weibull_failures_a_node_is_up_for_mttf_over_mttf_plus_mttr(shape):
    horizon_s = 4e5
    crashes = draw_crashes(["a"], Weibull(mean=90, shape=shape), Lognormal(mean=10, sigma=1), horizon_s, seed=1)
    down_s = sum(min(crash.end_s, horizon_s) - crash.begin_s for crash in crashes)

    # About 4,000 cycles, whose times have coefficients of variation of at most 1.5: 3.4 % on the ratio, at most.
    assert 1 - down_s / horizon_s == pytest.approx(90 / (90 + 10), abs=0.1 * 4 * 0.034)


@given(st.floats(0, 30), st.floats(0, 30), st.integers(0, 5))
def test_a_node_is_up_and_down_for_its_minimum_at_least(minimum_up_s, minimum_down_s, seed):
    crashes = draw_crashes(
        ["a"], 10, 2, 300, seed, minimum_up_s=minimum_up_s, minimum_down_s=minimum_down_s
    )
    ups = [after.begin_s - before.end_s for before, after in pairwise(crashes)]

    assert all(crash.end_s - crash.begin_s >= minimum_down_s - 1e-9 for crash in crashes)
    assert all(up_s >= minimum_up_s - 1e-9 for up_s in ups)


@given(st.integers(1, 2), st.integers(0, 20))
def test_drawn_crashes_keep_to_their_budget_and_are_else_the_same(f, seed):
    free = draw_crashes(NAMES, 20, 10, 300, seed)
    kept = draw_crashes(NAMES, 20, 10, 300, seed, down_at_most=f)

    assert budget_exceeded(kept, NAMES, f) == ()
    assert set(kept) < set(free)


def test_any_fault_can_be_drawn_and_kinds_do_not_share_draws():
    def slow(node, begin_s, end_s):
        return SlowNode(node=node, factor=10, begin_s=begin_s, end_s=end_s)

    def pause(node, begin_s, end_s):
        return PauseNode(node=node, begin_s=begin_s, end_s=end_s)

    slows = draw_faults(NAMES, slow, "slow", 5, Constant(value=1), 100, seed=0)
    pauses = draw_faults(NAMES, pause, "pause", 5, Constant(value=1), 100, seed=0)

    assert {type(fault) for fault in slows} == {SlowNode}
    assert {fault.begin_s for fault in slows}.isdisjoint(fault.begin_s for fault in pauses)
    assert [fault.begin_s for fault in slows] == sorted(fault.begin_s for fault in slows)


def test_healing_ends_everything_and_lets_nothing_new_begin():
    schedule = (
        CrashNode(node="a", begin_s=1, end_s=2),
        CrashNode(node="a", begin_s=3, end_s=30),
        SlowNode(node="a", factor=2, ramp_s=15, begin_s=4),
        CrashNode(node="a", begin_s=10, end_s=12),
    )

    assert heal(schedule, 10) == (
        schedule[0],
        CrashNode(node="a", begin_s=3, end_s=10),
        SlowNode(node="a", factor=2, ramp_s=6, begin_s=4, end_s=10),
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mttf_s": 0}, "mttf_s must be a finite number greater than 0, got 0"),
        ({"mttr_s": float("nan")}, "mttr_s must be a finite number greater than 0, got nan"),
        ({"mttf_s": Constant(value=0)}, "mttf_s must have a mean greater than 0, got 0.0"),
        ({"horizon_s": 0}, "horizon_s must be a finite number greater than 0, got 0"),
        ({"minimum_up_s": -1}, "minimum_up_s must be a finite number of at least 0, got -1"),
        ({"down_at_most": 6}, r"down_at_most must be within \[0, 5 nodes\], got 6"),
        ({"down_at_most": 0}, "down_at_most must be at least 1 when crashes are drawn, got 0"),
    ],
)
def test_a_schedule_that_cannot_be_drawn_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        draw_crashes(NAMES, **{"mttf_s": 1, "mttr_s": 1, "horizon_s": 10, "seed": 0, **fields})


TOLD = {
    "links": ("a->switch",),
    "racks": {"left": NAMES[:1], "right": NAMES[1:3]},
    "programs": {NAMES[0]: ("serve", "work")},
    "limited": NAMES[2:],
}


def test_a_swarm_draws_every_kind_of_fault_that_there_is():
    swarm = Swarm(nodes=NAMES, horizon_s=100, kinds=tuple(KINDS), include=1, **TOLD)

    assert {type(fault) for seed in range(5) for fault in swarm.draw(seed)} == set(KINDS.values())


def test_faults_of_one_kind_follow_each_other_with_knobs_of_either_sign():
    swarm = Swarm(nodes=NAMES, horizon_s=100, kinds=("drift_clock",), include=1)
    drawn = [swarm.draw(seed) for seed in range(20)]

    assert max(map(len, drawn)) > 3
    assert all(before.end_s < after.begin_s for faults in drawn for before, after in pairwise(faults))
    assert {math.copysign(1, fault.rate) * bool(fault.rate) for faults in drawn for fault in faults} == {-1, 1}


@pytest.mark.parametrize(("count", "sizes"), [(3, {1}), (4, {1}), (7, {1, 2, 3})])
def test_a_minority_may_be_of_any_size_below_half(count, sizes):
    swarm = Swarm(nodes=[f"n-{place}" for place in range(count)], horizon_s=100, kinds=("cut_minority",), include=1)

    assert {len(fault.minority) for seed in range(20) for fault in swarm.draw(seed)} == sizes


def test_what_a_swarm_is_not_told_of_it_does_not_draw():
    swarm = Swarm(nodes=NAMES, horizon_s=100, kinds=tuple(KINDS), include=1)
    drawn = {fault.kind for seed in range(5) for fault in swarm.draw(seed)}
    links = {"break_link", "delay_link", "throttle_link", "lose_on_link"}

    assert set(KINDS) - drawn == {"lose_rack", "kill_program", "exhaust_memory", *links}


@given(st.integers(0, 30))
def test_a_swarm_loses_no_rack_that_exceeds_its_budget(seed):
    swarm = Swarm(nodes=NAMES, horizon_s=100, include=1, down_at_most=1, **TOLD)
    lost = {fault.rack for fault in swarm.draw(seed) if isinstance(fault, LoseRack)}

    assert lost <= {"left"}


def test_a_swarm_has_other_kinds_and_other_knobs_for_each_seed_and_the_same_for_one():
    swarm = Swarm(nodes=NAMES, horizon_s=100, **TOLD)
    kinds = [frozenset(type(fault) for fault in swarm.draw(seed)) for seed in range(40)]

    assert swarm.draw(3) == swarm.draw(3)
    assert len(set(kinds)) > 35
    assert frozenset.union(*kinds) == frozenset(swarm.kinds)
    assert 0.25 * len(swarm.kinds) < sum(map(len, kinds)) / 40 < 0.6 * len(swarm.kinds)


def test_leaving_a_kind_out_of_a_swarm_shifts_no_other_s_draws():
    everything = Swarm(nodes=NAMES, horizon_s=100, kinds=tuple(KINDS), include=1)
    crashes = Swarm(nodes=NAMES, horizon_s=100, kinds=("crash_node",), include=1)

    assert [fault for fault in everything.draw(7) if isinstance(fault, CrashNode)] == list(crashes.draw(7))


@given(st.integers(0, 30))
def test_a_swarm_keeps_to_its_budget_and_heals_in_time(seed):
    schedule = Swarm(nodes=NAMES, horizon_s=100, include=1, heal_at_s=60, down_at_most=1).draw(seed)

    assert budget_exceeded(schedule, NAMES, 1) == ()
    assert all(fault.end_s <= 60 for fault in schedule)


def test_a_swarm_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"kinds\.0: .*got 'crash_nodes' \(did you mean 'crash_node'"):
        Swarm(nodes=NAMES, horizon_s=1, kinds=("crash_nodes",))
    with pytest.raises(ValueError, match=r"down_at_most must be within \[0, 5 nodes\], got 6"):
        Swarm(nodes=NAMES, horizon_s=1, down_at_most=6)


def test_one_of_a_pair_may_be_down_as_of_a_primary_and_its_backup():
    swarm = Swarm(nodes=("p", "b"), horizon_s=100, include=1, down_at_most=1)
    schedules = [swarm.draw(seed) for seed in range(20)]
    crashes = [[fault for fault in schedule if isinstance(fault, CrashNode)] for schedule in schedules]

    assert {crash.node for each in crashes for crash in each} == {"p", "b"}
    assert all(budget_exceeded(schedule, ("p", "b"), 1) == () for schedule in schedules)


def test_an_exponential_mean_may_be_given_as_a_number():
    assert draw_crashes(["a"], 10, 1, 100, 0) == draw_crashes(["a"], Exponential(mean=10), Exponential(mean=1), 100, 0)


def test_a_swarm_told_of_any_topology_s_links_draws_what_the_cluster_takes():
    ways = {"near": {"far": 0.1}, "far": {"near": 0.1}}
    topology = WideArea(zones={"near": NAMES[:2], "far": NAMES[2:]}, latency_s=ways)
    cluster = ClusterSpec(nodes=tuple(NodeSpec(name=name) for name in NAMES), network=NetworkSpec(topology=topology))
    kinds = ("break_link", "delay_link", "throttle_link", "lose_on_link")
    swarm = Swarm(nodes=NAMES, links=tuple(cluster.layout.index), horizon_s=100, kinds=kinds, include=1)
    drawn = [fault for seed in range(20) for fault in swarm.draw(seed)]
    for fault in drawn:
        fault.check(cluster)

    assert len(drawn) > 100


class Named(Fault):
    """A fault of one's own that must be given a name of each kind, and draws them by their types."""

    node: NodeName
    rack: RackName
    link: LinkName
    groups: NodeGroups
    sides: NodeSides
    minority: Minority
    depth: int = 3


def test_a_fault_of_one_s_own_is_drawn_by_what_its_fields_name():
    swarm = Swarm(nodes=NAMES, horizon_s=100, kinds=(Named, CrashNode), include=1, **TOLD)
    drawn = [fault for seed in range(9) for fault in swarm.draw(seed) if isinstance(fault, Named)]

    assert len(drawn) > 20
    assert {fault.node for fault in drawn} == set(NAMES)
    assert {fault.rack for fault in drawn} == {"left", "right"}
    assert {fault.link for fault in drawn} == {"a->switch"}
    assert all(0 < len(fault.minority) < len(NAMES) / 2 for fault in drawn)
    for fault in drawn:
        for split in (fault.groups, fault.sides):
            among = [name for group in split for name in group]
            assert 1 < len(among) == len(set(among)) < len(NAMES)


@pytest.mark.parametrize("few", [{"links": ()}, {"racks": {}}, {"nodes": NAMES[:2], "racks": {"left": NAMES[:1]}}])
def test_a_fault_is_not_drawn_where_there_is_nothing_of_what_it_names(few):
    told = {"nodes": NAMES, "links": ("a->switch",), "racks": {"left": NAMES[:1]}, **few}

    assert Swarm(horizon_s=100, kinds=(Named,), include=1, **told).draw(0) == ()


def test_a_fault_that_does_not_say_how_it_is_drawn_is_refused():
    class Strong(Fault):
        strength: float

    with pytest.raises(TypeError, match=r"Strong must define draw.* how strength is drawn"):
        Swarm(nodes=NAMES, horizon_s=100, kinds=(Strong,), include=1).draw(0)


def test_a_swarm_draws_lies_and_lost_data_only_when_it_is_asked_to():
    left_out = set(KINDS.values()) - set(Swarm(nodes=NAMES, horizon_s=1).kinds)

    assert {kind.model_fields["kind"].default for kind in left_out} == {
        "byzantine", "collude", "flip_labels", "lose_disk", "rot_bits", "spoof_messages",
    }
