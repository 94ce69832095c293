import math
from functools import partial

import pytest
from hypothesis import given, settings

from simcluster.engine import Trace
from simcluster.measurement.checkers import (
    availability,
    bank,
    counter,
    in_faults,
    linearizability,
    liveness,
    long_fork,
    messages_per_operation,
    set_full,
    unique_ids,
)
from simcluster.measurement.checkers.models import MODELS
from simcluster.measurement.histories import BadHistory, Events, FaultWindow, History
from tests.measurement.drawn_histories import histories


def one_by_one(*operations):
    """Operations (f, value, status, result), each over before the next begins: at a full second, for half of one."""
    events = Events()
    for place, (f, value, status, result) in enumerate(operations, 1):
        events.invoke(place, place, 0, f, None, value)
        events.complete_of(place, place + 0.5, 0, f, status, result)
    return events.history()


def names(found):
    return [each.name for each in found.anomalies]


ADDED = [("add", 1, "ok", None), ("add", 2, "ok", None)]


@pytest.mark.parametrize(
    ("reads", "wrong", "strictly"),
    [
        ([(1, 2)], [], []),
        ([(2, 1), (1, 2)], [], []),
        ([(1,)], ["lost"], ["lost"]),
        ([(1,), (1, 2)], [], ["stale"]),
        ([(1, 2), (1,)], ["lost"], ["lost"]),
        ([(1, 2, 2)], ["duplicate"], ["duplicate"]),
        ([(1, 2, 3)], ["phantom"], ["phantom"]),
        ([None], ["lost"], ["lost"]),
    ],
)
def test_a_set_loses_nothing_that_was_known_to_be_in_it(reads, wrong, strictly):
    history = one_by_one(*ADDED, *[("read", None, "ok", read) for read in reads])

    assert names(set_full(history)) == wrong
    assert names(set_full(history, linearizable=True)) == strictly


def test_an_element_of_which_nobody_knows_is_known_when_it_was_read():
    seen = [("add", 1, "info", None), ("read", None, "ok", (1,)), ("read", None, "ok", ())]

    assert names(set_full(one_by_one(*seen))) == ["lost"]
    assert set_full(one_by_one(seen[0], seen[2])).valid
    assert names(set_full(one_by_one(("add", 1, "fail", None), seen[1]))) == ["phantom"]


@settings(max_examples=40, deadline=None)
@given(histories("set"))
def test_a_set_that_is_linearizable_loses_nothing(history):
    adds = [each.value for each in history if each.f == "add"]
    grows = [each for each in history if each.f in ("add", "read")]
    if len(set(adds)) == len(adds) and linearizability(history.of_operations(grows), MODELS["set"]()).valid:
        assert set_full(history.of_operations(grows), linearizable=True).valid


@settings(max_examples=60, deadline=None)
@given(histories("counter", processes=4, most=7))
def test_a_counter_is_within_its_bounds_where_it_is_linearizable(history):
    if linearizability(history, MODELS["counter"]()).valid:
        assert counter(history).valid


@pytest.mark.parametrize(("seen", "right"), [(2, False), (3, True), (5, True), (6, False), ("3", False), (None, False)])
def test_a_counter_has_what_was_surely_added_and_at_most_what_may_have_been(seen, right):
    history = one_by_one(("add", 3, "ok", None), ("add", 2, "info", None), ("add", 9, "fail", None),
                         ("read", None, "ok", seen))  # fmt: skip

    assert counter(history).valid == right


def test_bounds_of_a_counter_take_what_is_taken_away_into_account():
    adds = [("add", -2, "info", None), ("add", 0.5, "ok", None), ("add", None, "ok", None)]

    assert [counter(one_by_one(*adds, ("read", None, "ok", seen))).valid for seen in (-0.6, -0.5, 1.5, 1.6)] == [
        False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("balances", "wrong"),
    [
        ((("a", 5), ("b", 5)), []),
        ((("a", 5), ("b", 4)), ["wrong total"]),
        ((("a", 11), ("b", -1)), ["negative balance"]),
        ((("a", 12), ("b", -1)), ["wrong total", "negative balance"]),
        ((("a", 10), ("b", None)), ["absent account"]),
    ],
)
def test_a_bank_neither_makes_nor_loses_money(balances, wrong):
    history = one_by_one(("transfer", ("a", "b", 1), "ok", None), ("read", None, "ok", balances))

    assert names(bank(history, total=10)) == wrong
    assert names(bank(history, total=10, negative=True)) == [each for each in wrong if each != "negative balance"]


def test_a_read_of_a_bank_lists_balances():
    with pytest.raises(BadHistory, match=r"line 1: a read must be a list of \[account, balance\], got 5"):
        bank(one_by_one(("read", None, "ok", 5)), total=1)


def test_identifiers_are_unique():
    assert unique_ids(one_by_one(*[("generate", None, "ok", each) for each in (1, 2, "1")])).valid
    assert unique_ids(one_by_one(*[("generate", None, "info", None)] * 2)).valid
    twice = unique_ids(one_by_one(*[("generate", None, "ok", each) for each in (1, 2, 1)]))
    assert [each.begin for each in twice.anomalies[0].operations] == [0, 4]


def reads(*seen):
    """Reads of x and y by transactions, each of which sees these of their writes."""
    writes = [("txn", (("w", key, 1),), "ok", (("w", key, 1),)) for key in "xy"]
    read = (("r", "x", None), ("r", "y", None))
    return one_by_one(
        *writes, *[("txn", read, "ok", tuple(("r", key, 1 if key in each else None) for key in "xy")) for each in seen]
    )


@pytest.mark.parametrize(
    ("seen", "right"),
    [(["", "x", "xy"], True), (["xy", "y", ""], True), (["x", "y"], False), (["xy", "x", "y"], False)],
)
def test_reads_that_each_see_what_the_other_does_not_are_a_fork(seen, right):
    assert long_fork(reads(*seen)).valid == right


def test_a_key_of_a_fork_is_written_once():
    twice = one_by_one(*[("txn", (("w", "x", 1),), "ok", (("w", "x", 1),))] * 2)
    with pytest.raises(BadHistory, match="line 2: a key must be written once, got 'x' again"):
        long_fork(twice)


@pytest.mark.parametrize("checker", [set_full, counter])
def test_another_operation_is_refused_with_its_line(checker):
    with pytest.raises(BadHistory, match="line 2: an operation must be add or read, got 'pop'"):
        checker(one_by_one(("add", 1, "ok", None), ("pop", None, "ok", 1)))


def with_fault(history, begin_s, end_s):
    return History(history.operations, (FaultWindow("cut", begin_s, end_s),))


def test_availability_is_the_share_that_was_ok_and_the_longest_time_without():
    history = one_by_one(*[("read", None, status, None) for status in ("ok", "fail", "info", "ok", "ok")])
    found = availability(history)

    assert (found.ok, found.fail, found.info, found.share) == (3, 1, 1, 0.6)
    assert found.longest_without_s == 3.0  # from 1.5 to 4.5
    during, rest = in_faults(with_fault(history, 2.0, 4.0))
    assert (during.share, rest.share) == (0.0, 1.0)
    assert math.isnan(availability([]).share)


@pytest.mark.parametrize(
    ("statuses", "fault", "verdict"),
    [
        (["ok", "fail", "ok", "ok", "ok"], (1.5, 2.9), "valid"),
        (["ok", "fail", "fail", "ok", "ok"], (1.5, 2.9), "invalid"),
        (["ok", "fail", "info", "ok", "ok"], (1.5, 2.9), "invalid"),
        (["ok", "fail"], (1.5, 2.9), "unknown"),
        (["ok", "ok"], (1.5, math.inf), "unknown"),
    ],
)
def test_after_healing_every_operation_is_answered(statuses, fault, verdict):
    history = with_fault(one_by_one(*[("read", None, status, None) for status in statuses]), *fault)

    assert liveness(history, within_s=0.5).verdict == verdict


def test_an_answer_that_is_late_is_none():
    history = one_by_one(*[("read", None, "ok", None)] * 3)

    assert not liveness(history, within_s=0.4).valid
    assert liveness(history, within_s=0.5, after_s=2.0).valid
    with pytest.raises(ValueError, match="within_s must be at least 0, got -1"):
        liveness(history, within_s=-1)


def test_messages_are_counted_for_each_operation_that_was_ok():
    trace = Trace.of({"time_s": 0.0, "kind": "send", "source": "a", "target": "b"} for _ in range(6))

    assert messages_per_operation(trace, one_by_one(*[("read", None, "ok", None)] * 2)) == 3.0
    assert messages_per_operation(trace, History(())) == math.inf
    with pytest.raises(ValueError, match="trace_kinds must have send"):
        messages_per_operation(trace.without("send"), History(()))


def test_a_read_that_began_before_an_element_was_known_need_not_see_it():
    events = Events()
    events.invoke(1, 1, 0, "add", None, 1)
    events.invoke(2, 2, 1, "read", None, None)
    events.complete_of(3, 3, 0, "add", "ok", None)
    events.complete_of(4, 4, 1, "read", "ok", ())

    assert set_full(events.history(), linearizable=True).valid


@pytest.mark.parametrize("seen", [5, "ab", True])
def test_a_read_of_what_is_no_list_is_refused_with_its_line(seen):
    history = one_by_one(("read", None, "ok", seen))

    for check in (set_full, *(partial(linearizability, model=MODELS[each]()) for each in ("set", "append"))):
        with pytest.raises(BadHistory, match="a list must be read, got"):
            check(history)


@pytest.mark.parametrize("amount", [10**400, math.inf, math.nan, True])
def test_what_no_sum_can_hold_is_refused_with_its_line(amount):
    with pytest.raises(BadHistory, match="what is added must be a finite number"):
        counter(one_by_one(("add", amount, "ok", None), ("add", 0.5, "ok", None)))
    with pytest.raises(BadHistory, match="what is added must be a finite number"):
        linearizability(one_by_one(("add", amount, "ok", None), ("add", 0.5, "ok", None)), MODELS["counter"]())
    with pytest.raises(BadHistory, match=r"a read must be a list of \[account, balance\]"):
        bank(one_by_one(("read", None, "ok", (("a", amount),))), 10)
    with pytest.raises(ValueError, match="initial must be a finite number"):
        counter(one_by_one(), initial=amount)


@pytest.mark.parametrize(
    ("model", "parameters", "rule"),
    [
        ("register", {"nil_read": "foo"}, "nil_read must be one of absent, unknown, got 'foo'"),
        ("kv", {"failed_cas": ["x"]}, "failed_cas must be one of operation, nothing, got"),
        ("register", {"initial": [1]}, "initial must be a number, text"),
        ("multi-register", {"initial": {}}, "initial must be a number, text"),
        ("queue", {"initial": ([],)}, "initial must be a number, text"),
        ("set", {"initial": frozenset([1])}, "initial must be a number, text"),
        ("counter", {"initial": None}, "initial must be a finite number, got None"),
    ],
)
def test_parameters_that_no_object_has_are_refused_when_it_is_made(model, parameters, rule):
    with pytest.raises(ValueError, match=rule):
        MODELS[model](**parameters)
