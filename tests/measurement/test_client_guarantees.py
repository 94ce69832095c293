import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.measurement.checkers import GUARANTEES, bounded_staleness, causal, sessions, staleness
from simcluster.measurement.histories import BadHistory, Events, History

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
def test_where_the_simulator_knows_the_order_of_versions_it_is_that_one(name, history):
    rank = {each.value: history.applied[each.operation][0][1] for each in history if each.f == "write"}
    rank[None] = -math.inf
    found = sessions(history, [name])

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
