"""Types that merge: whatever way updates come to copies, those that have seen the same hold the same."""

import functools
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster import ClusterSpec, nodes
from simcluster.cluster import Cluster
from simcluster.engine import Environment, Trace
from simcluster.replication import GCounter, LwwRegister, MvRegister, Operation, OrSet, PnCounter

TYPES = {
    "lww by lamport": LwwRegister(clock="lamport"),
    "lww by hybrid": LwwRegister(clock="hybrid"),
    "lww by physical": LwwRegister(clock="physical"),
    "mv": MvRegister(),
    "g counter": GCounter(),
    "pn counter": PnCounter(),
    "or set": OrSet(),
}
COPIES = 3
every_type = pytest.mark.parametrize("data", TYPES.values(), ids=TYPES)


class Step(NamedTuple):
    """A client asks a copy, or, where ``f`` is "merge", one copy tells another."""

    f: str
    session: int
    copy: int
    other: int
    value: int
    again: bool


steps = st.lists(
    st.builds(
        Step,
        f=st.sampled_from(["update", "update", "merge"]),
        session=st.integers(0, 2),
        copy=st.integers(0, COPIES - 1),
        other=st.integers(0, COPIES - 1),
        value=st.integers(0, 3),
        again=st.booleans(),
    ),
    max_size=14,
)


def node():
    env = Environment()
    return Cluster(env, ClusterSpec(nodes=nodes("n", 1)), 0, Trace(env, ()))["n-0"]


def written(data, script, asked=None) -> list[Any]:
    """The states of all copies after a script; ``asked`` notes the operations with what their copy was before."""
    copies, memories, here = [data.empty] * COPIES, [{}, {}, {}], node()
    words = [f for f in data.operations if f != "read"]
    for number, step in enumerate(script):
        if step.f == "merge":
            copies[step.copy] = data.merge(copies[step.copy], copies[step.other])
            continue
        here.env.run(until=here.env.now + 1 + step.value)
        f = words[step.value % len(words)]
        operation = Operation(number, f, "k", 1 if "crement" in f else step.value)
        body = data.prepare(operation, copies[step.copy], memories[step.session], here)
        if asked is not None:
            asked.append((operation, copies[step.copy]))
        copies[step.copy] = data.update(copies[step.copy], f, body)
        if step.again:  # a retry, or a copy of the message, comes to another copy too
            copies[step.other] = data.update(copies[step.other], f, body)
    return copies


@every_type
@given(script=steps)
def test_merging_is_commutative_associative_and_idempotent_and_knows_the_empty_state(data, script):
    one, two, three = written(data, script)

    assert data.merge(one, two) == data.merge(two, one)
    assert data.merge(data.merge(one, two), three) == data.merge(one, data.merge(two, three))
    assert data.merge(one, one) == one
    assert data.merge(one, data.empty) == data.merge(data.empty, one) == one


@every_type
@given(script=steps, order=st.permutations(range(COPIES)))
def test_copies_that_have_merged_all_the_others_are_equal_in_whatever_order(data, script, order):
    copies = written(data, script)

    assert functools.reduce(data.merge, copies) == functools.reduce(data.merge, [copies[place] for place in order])


@every_type
@given(script=steps)
def test_an_update_only_adds_and_to_ask_twice_is_to_ask_once(data, script):
    copies, memory, here = written(data, script), {}, node()
    f = next(f for f in data.operations if f != "read")
    for before in copies:
        body = data.prepare(Operation(1000, f, "k", 1), before, memory, here)
        after = data.update(before, f, body)
        assert data.merge(before, after) == after
        assert data.update(after, f, body) == after


@given(script=steps)
def test_a_counter_counts_what_was_asked_once_each_whatever_came_twice(script):
    asked = []
    copies = written(PnCounter(), script, asked)
    counted = sum(1 if operation.f == "increment" else -1 for operation, _ in asked)

    assert PnCounter().value(functools.reduce(PnCounter().merge, copies)) == counted


@given(script=steps)
def test_a_set_holds_what_was_added_and_not_removed_by_somebody_who_had_seen_that(script):
    asked = []
    data, copies = OrSet(), written(OrSet(), [step._replace(again=False) for step in script], asked)
    merged = functools.reduce(data.merge, copies)
    added = {operation.number: operation.value for operation, _ in asked if operation.f == "add"}
    gone = {
        tag
        for operation, state in asked if operation.f == "remove"
        for tag, element in state[0] if element == operation.value
    }  # fmt: skip

    assert set(data.value(merged)) == {element for tag, element in added.items() if tag not in gone}


def test_of_an_addition_and_a_removal_apart_the_addition_stays():
    data = OrSet()
    both = data.update(data.empty, "add", (1, "a"))
    removed, added = data.update(both, "remove", (2, "a")), data.update(both, "add", (3, "a"))

    assert data.value(removed) == ()
    assert data.value(data.merge(removed, added)) == ("a",)
    assert data.value(data.merge(added, data.update(added, "remove", (4, "a")))) == ()


def test_a_register_of_many_values_keeps_those_written_apart_until_somebody_writes_who_has_them():
    data = MvRegister()
    first = data.update(data.empty, "write", (1, "a"))
    one, other = data.update(first, "write", (2, "b")), data.update(first, "write", (3, "c"))
    both = data.merge(one, other)

    assert data.value(both) == ("b", "c")
    assert data.value(data.update(both, "write", (4, "d"))) == ("d",)


def test_the_last_writer_wins_by_time_and_by_the_number_of_the_operation_at_one_time():
    data = LwwRegister()
    early, late = (((1.0, 0), 9), "early"), (((2.0, 0), 1), "late")

    assert data.value(data.merge(late, early)) == "late"
    assert data.merge((((1.0, 0), 2), "x"), (((1.0, 0), 3), "y"))[1] == "y"
    assert data.operations_in(late) == (1,)


def test_a_counter_that_only_grows_refuses_to_count_down():
    with pytest.raises(ValueError, match="an increment must be of at least 0, got -1"):
        GCounter().prepare(Operation(0, "increment", "k", -1), (), {}, node())
