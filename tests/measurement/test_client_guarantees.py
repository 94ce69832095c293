import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.measurement.checkers import GUARANTEES, bounded_staleness, causal, sessions, staleness
from simcluster.measurement.histories import BadHistory, Events, History
from simcluster.measurement.operations import missed_s

KINDS = {"read": True, "write": False}


@st.composite
def stores(draw, most=8, processes=3, keys=("x", "y"), applied=False):
    """Reads and writes, each over before the next begins; values are written once, reads see any that is written."""
    count = draw(st.integers(0, most))
    who, what = st.integers(0, processes - 1), st.sampled_from(["read", "write"])
    asked = [(draw(who), draw(what), draw(st.sampled_from(keys))) for _ in range(count)]
    events = Events()
    for place, (process, f, key) in enumerate(asked):
        written = [None, *(other for other, (_, what, where) in enumerate(asked) if what == "write" and where == key)]
        result = draw(st.sampled_from(written)) if f == "read" else None
        events.invoke(place, place, process, f, key, place if f == "write" else None)
        events.complete_of(place, place + 0.5, process, f, "ok", result)
    history = events.history()
    if not applied:
        return history
    times = draw(st.permutations(range(len(history))))
    taken = {each.operation: (("n", float(times[place])),) for place, each in enumerate(history) if each.f == "write"}
    return History(history.operations, (), taken)


def constraints(history, name):
    """What a guarantee asks, pair by pair: (key, version that comes no later, version)."""
    first, second = GUARANTEES[name]
    for one, other in itertools.combinations(history, 2):
        same = one.process == other.process and one.key == other.key
        if same and KINDS[one.f] == first and KINDS[other.f] == second:
            yield one.key, *(each.result if each.f == "read" else each.value for each in (one, other))


def some_versions(history, names):
    """Whether some order of each key's versions, the initial one first, fits the guarantees, tried one by one."""
    asked = [each for name in names for each in constraints(history, name)]
    for key in ("x", "y"):
        written = [each.value for each in history if each.f == "write" and each.key == key]
        orders = ([None, *order] for order in itertools.permutations(written))
        if not any(all(order.index(a) <= order.index(b) for of, a, b in asked if of == key) for order in orders):
            return False
    return True


@pytest.mark.parametrize("name", GUARANTEES)
@settings(max_examples=50, deadline=None)
@given(stores())
def test_a_guarantee_holds_when_some_order_of_versions_fits_it(name, history):
    names = [name, "monotonic reads"] if name in ("monotonic writes", "writes follow reads") else [name]

    assert sessions(history, [name]).valid == some_versions(history, names)


@pytest.mark.parametrize("name", GUARANTEES)
@settings(max_examples=50, deadline=None)
@given(stores(applied=True))
def test_the_order_of_versions_may_be_the_one_in_which_they_were_applied(name, history):
    rank = {each.value: history.applied[each.operation][0][1] for each in history if each.f == "write"}
    rank[None] = -math.inf
    found = sessions(history, [name], applied=True)

    assert found.valid == all(rank[a] <= rank[b] for _, a, b in constraints(history, name))
    if not found.valid:
        one, other = found.anomalies[0].operations
        assert one.process == other.process
        assert one.begin < other.begin


@settings(max_examples=60, deadline=None)
@given(stores(most=7))
def test_causality_is_what_the_transitive_closure_says(history):
    operations = list(history)
    n = len(operations)
    before = np.zeros((n, n), dtype=bool)
    writer = {each.value: place for place, each in enumerate(operations) if each.f == "write"}
    for place, each in enumerate(operations):
        for later in range(place + 1, n):
            before[place, later] |= operations[later].process == each.process
        if each.f == "read" and each.result is not None:
            before[writer[each.result], place] = True
    for middle in range(n):
        before |= np.outer(before[:, middle], before[middle])
    bad = bool(before.diagonal().any())
    for place, each in enumerate(operations):
        for other in writer.values():
            if each.f == "read" and operations[other].key == each.key and before[other, place]:
                bad |= each.result is None or bool(before[writer[each.result], other])

    assert causal(history).valid == (not bad)


@settings(max_examples=60, deadline=None)
@given(stores(applied=True))
def test_staleness_counts_the_newer_versions_that_had_taken_effect(history):
    found = staleness(history)

    assert len(found.reads) == sum(each.f == "read" for each in history)
    for read, versions, seconds in zip(found.reads, found.versions, found.seconds, strict=True):
        effect = {each.value: history.applied[each.operation][0][1] for each in history
                  if each.f == "write" and each.key == read.key}  # fmt: skip
        effect[None] = -math.inf
        newer = [time_s for time_s in effect.values() if effect[read.result] < time_s < read.invoke_s]
        assert versions == len(newer)
        assert seconds == (read.invoke_s - min(newer) if newer else 0)


def test_a_bound_on_staleness_is_broken_by_one_read():
    events = Events()
    for place, (f, value, result) in enumerate([("put", 1, None), ("put", 2, None), ("get", None, 1)]):
        events.invoke(place, place, 0, f, "x", value)
        events.complete_of(place, place + 0.5, 0, f, "ok", result)
    history = events.history()

    assert staleness(history).fresh() == 0.0
    assert staleness(history).fresh(versions=1) == 1.0
    assert bounded_staleness(history, versions=1, seconds=0.5).valid
    assert bounded_staleness(history, seconds=0.4).anomalies[0].name == "stale read"
    assert not bounded_staleness(history, versions=0).valid


def test_a_write_of_which_nobody_knows_took_effect_when_it_was_read():
    events = Events()
    events.invoke(1, 0.0, 0, "write", "x", 1)
    events.complete_of(2, 1.0, 0, "write", "info", None)
    for place, result in enumerate([1, None]):
        events.invoke(place, 2.0 + place, 1, "read", "x", None)
        events.complete_of(place, 2.5 + place, 1, "read", "ok", result)

    assert staleness(events.history()).versions.tolist() == [0, 1]
    assert staleness(events.history()).seconds.tolist() == [0.0, 0.5]


def test_what_was_read_and_never_written_is_from_thin_air():
    events = Events()
    events.invoke(1, 0.0, 0, "write", "x", 1)
    events.complete_of(2, 1.0, 0, "write", "fail", None)
    events.invoke(3, 2.0, 0, "read", "x", None)
    events.complete_of(4, 3.0, 0, "read", "ok", 1)

    for found in (sessions(events.history()), causal(events.history()), bounded_staleness(events.history())):
        assert [each.name for each in found.anomalies] == ["read from thin air"]


@pytest.mark.parametrize(("f", "value", "rule"), [("write", 7, "once only"), ("cas", (1, 2), "one of read, get")])
def test_what_says_not_which_write_a_read_saw_is_refused(f, value, rule):
    events = Events()
    events.invoke(5, 0.0, 0, "write", "x", 7)
    events.complete_of(6, 1.0, 0, "write", "ok", None)
    events.invoke(7, 2.0, 0, f, "x", value)

    with pytest.raises(BadHistory, match=f"line 7: .*{rule}"):
        causal(events.history())


def test_an_unknown_guarantee_is_refused():
    with pytest.raises(ValueError, match=r"guarantees must be of read your writes, .* got 'eventual'"):
        sessions(History(()), ["eventual"])


def test_a_write_of_which_nobody_knows_need_not_be_seen_by_who_asked_for_it():
    events = Events()
    for place, status in enumerate(["info", "ok"]):
        events.invoke(1, place, 0, "write", f"{place}", 1)
        events.complete_of(2, place, 0, "write", status, None)
        events.invoke(3, place, 0, "read", f"{place}", None)
        events.complete_of(4, place, 0, "read", "ok", None)
        history = events.history()
        applied = {each.operation: (("n", 0.0),) for each in history if each.f == "write"}
        known = History(history.operations, (), applied)
        for each in (history, known):
            assert sessions(each, ["read your writes"], applied=True).valid == (status == "info")


def at(*events):
    """A history of key x from events (time, process, f or status, value or result), in their order."""
    made = Events()
    for place, (time_s, process, what, value) in enumerate(events):
        if what in ("ok", "info"):
            made.complete_of(place, time_s, process, None, what, value)
        else:
            made.invoke(place, time_s, process, what, "x", value)
    return made.history()


@pytest.mark.parametrize(("begin_s", "missed"), [(1.0, True), (1.5, True), (0.5, False)])
def test_a_write_that_ended_at_the_instant_of_a_read_came_before_it_or_after_it_as_the_history_has_it(begin_s, missed):
    write, done = (0.0, "a", "write", 1), (1.0, "a", "ok", None)
    read, nothing = (begin_s, "b", "read", None), (3.0, "b", "ok", None)
    history = at(write, done, read, nothing) if missed else at(write, read, done, nothing)

    assert staleness(history).versions.tolist() == [int(missed)]
    assert bounded_staleness(history, versions=0).valid == (not missed)
    assert missed_s(history) == pytest.approx([begin_s - 1.0 if missed else math.nan], nan_ok=True)


def test_at_one_instant_positions_decide_and_a_read_that_began_first_misses_nothing():
    write, done = (1.0, "a", "write", 1), (1.0, "a", "ok", None)
    read, nothing = (1.0, "b", "read", None), (1.0, "b", "ok", None)
    history = at(write, read, done, nothing)

    assert staleness(history).versions.tolist() == [0]
    assert np.isnan(missed_s(history)).all()
    assert missed_s(at(write, done, read, nothing)) == [0.0]


def test_a_write_of_which_nobody_knows_took_effect_before_who_began_after_it_was_read():
    seen = [(0.0, "a", "write", 1), (0.5, "a", "info", None), (1.0, "b", "read", None), (1.0, "b", "ok", 1)]
    history = at(*seen, (1.0, "c", "read", None), (1.0, "c", "ok", None))

    assert staleness(history).versions.tolist() == [0, 1]


@pytest.mark.parametrize(("applied_s", "behind"), [(0.5, 1), (1.0, 1), (2.0, 0)])
def test_what_is_applied_as_a_read_begins_came_before_it_when_it_was_known_to(applied_s, behind):
    events = [(0.0, "a", "write", 1), (1.0, "a", "ok", None), (1.0, "b", "read", None), (3.0, "b", "ok", None)]
    history = at(*events)
    unknown = at(events[0], events[2], *events[1::2])  # the write ends after the read began
    late = at(*events[:2], (2.0, "b", "read", None), (3.0, "b", "ok", None))

    def found(each):
        return staleness(History(each.operations, (), {0: (("n", applied_s),)})).versions.tolist()

    assert found(history) == [behind]
    assert found(unknown) == [int(applied_s < 1.0)]
    assert found(late) == [int(applied_s < 2.0)]


def test_the_later_of_two_writes_may_be_the_older_version_unless_versions_are_as_they_were_applied():
    writes = [(0.0, "a", "write", 1), (1.0, "a", "ok", None), (1.5, "b", "write", 2), (2.0, "b", "ok", None)]
    reads = [(3.0, "c", "read", None), (4.0, "c", "ok", 2), (5.0, "c", "read", None), (6.0, "c", "ok", 1)]
    history = at(*writes, *reads)
    known = History(history.operations, (), {0: (("n", 0.5),), 1: (("n", 1.8),)})

    assert sessions(known).valid
    assert causal(known).valid
    assert [each.name for each in sessions(known, applied=True).anomalies] == ["monotonic reads"]


@pytest.mark.parametrize("most", [math.nan, -1])
@pytest.mark.parametrize("name", ["versions", "seconds"])
def test_a_bound_that_no_read_can_meet_is_refused(name, most):
    with pytest.raises(ValueError, match=f"{name} must be at least 0, got {most}"):
        bounded_staleness(at(), **{name: most})


def test_an_initial_value_that_no_read_returns_is_refused():
    for checker in (causal, sessions, staleness):
        with pytest.raises(ValueError, match=r"initial must be a number, text, .* got \[1\]"):
            checker(at(), initial=[1])
