"""Where copies go, and which one is nearest."""

from hypothesis import given
from hypothesis import strategies as st

from simcluster.recovery.placement import nearest, place, rank

RACKS = {f"{rack}{i}": rack for rack in "abc" for i in range(3)}
NAMES = tuple(RACKS)

some = st.lists(st.sampled_from(NAMES), unique=True)


@given(st.text(), some, st.sampled_from([*NAMES, "outside"]), st.integers(0, 5))
def test_copies_are_on_different_candidates_as_many_as_there_are(key, candidates, writer, count):
    chosen = place(key, count, candidates, RACKS.get, writer)

    assert len(chosen) == len(set(chosen)) == min(count, len(candidates))
    assert set(chosen) <= set(candidates)


@given(st.text(), st.sampled_from(NAMES))
def test_the_first_copy_is_local_the_second_in_another_rack_the_third_beside_the_second(key, writer):
    first, second, third, *rest = place(key, 5, NAMES, RACKS.get, writer)

    assert first == writer
    assert RACKS[second] != RACKS[first]
    assert RACKS[third] == RACKS[second]
    assert RACKS[rest[0]] not in (RACKS[first], RACKS[second])  # where the fewest are


@given(st.text(), some, st.sampled_from(NAMES))
def test_two_copies_or_more_are_in_two_racks_whenever_two_racks_have_room(key, candidates, writer):
    chosen = place(key, 3, candidates, RACKS.get, writer)

    possible = {RACKS[name] for name in candidates}
    assert len({RACKS[name] for name in chosen}) >= min(2, len(possible), len(candidates))


@given(st.text(), some.filter(lambda held: 0 < len(held) < 3))
def test_a_copy_made_anew_is_not_where_one_is_and_spans_two_racks(key, held):
    (chosen,) = place(key, 1, NAMES, RACKS.get, None, held)

    assert chosen not in held
    assert len({RACKS[name] for name in (chosen, *held)}) >= 2


@given(st.text(), some, st.sampled_from(NAMES))
def test_nodes_that_come_or_go_change_nobody_else_s_rank(key, names, newcomer):
    before = rank(key, [name for name in names if name != newcomer])

    assert [name for name in rank(key, {*names, newcomer}) if name != newcomer] == before


def test_keys_spread_evenly():
    firsts = [rank(f"key-{i}", NAMES)[0] for i in range(900)]

    assert all(60 < firsts.count(name) < 140 for name in NAMES)


def test_the_nearest_copy_is_the_own_then_one_in_the_rack():
    assert nearest("a1", ("b0", "a0", "a1", "c0"), RACKS.get) == ["a1", "a0", "b0", "c0"]


def test_nodes_without_racks_are_one_rack():
    assert len(place("key", 3, NAMES, {}.get, "a0")) == 3
    assert nearest("a1", ("b0", "a0"), {}.get) == ["b0", "a0"]
