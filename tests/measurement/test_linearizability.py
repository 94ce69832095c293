import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.kernels.history import FOUND, real_time_search
from simcluster.measurement.checkers import MODELS, Limits, explained, linearizability, list_append
from simcluster.measurement.checkers.orders.registers import misplaced
from simcluster.measurement.histories import BadHistory, Events, FaultWindow, History, Operation, read_history
from tests.measurement.drawn_histories import DRAWN, histories, in_real_time, some_order

SHARED = Path(__file__).parents[3] / "shared" / "histories"
VERDICTS = json.loads((SHARED / "verdicts.json").read_text()) if SHARED.exists() else {}
FAILED = {"saw another value": "operation", "did not happen": "nothing"}


def options(word):
    """The parameters of a model, drawn."""
    fields = getattr(MODELS[word], "__dataclass_fields__", {})
    drawn = {}
    if "nil_read" in fields:
        drawn["nil_read"] = st.sampled_from(["absent", "unknown"])
    if "failed_cas" in fields:
        drawn["failed_cas"] = st.sampled_from(["operation", "nothing"])
    if word in ("register", "cas-register", "kv", "multi-register"):
        drawn["initial"] = st.sampled_from([None, 0])
    return st.fixed_dictionaries(drawn)


@pytest.mark.parametrize("word", DRAWN)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_verdict_is_that_of_trying_every_order(word, data):
    model = MODELS[word](**data.draw(options(word)))
    history = data.draw(histories(word))

    found = linearizability(history, model)

    assert found.valid == some_order(model, history.operations, in_real_time)


class Plainly:
    """A model of somebody's own, with nothing but what a model must have."""

    def __init__(self, model):
        self.init, self.step = model.init, model.step


@settings(max_examples=60, deadline=None)
@given(histories("register", statuses=("ok", "info")))
def test_a_model_with_nothing_but_init_and_step_has_the_same_verdict(history):
    found = linearizability(history, Plainly(MODELS["register"]()))

    assert found.valid == linearizability(history, MODELS["register"]()).valid


@settings(max_examples=60, deadline=None)
@given(histories("kv", keys=("x", "y")))
def test_keys_are_checked_apart(history):
    model = MODELS["kv"]()
    apart = history.groups(lambda each: each.key).values()

    assert linearizability(history, model).valid == all(some_order(model, each, in_real_time) for each in apart)


@st.composite
def unique_registers(draw):
    """Registers whose values are written once; reads see what was written, mostly."""
    drawn = draw(histories("register", most=7, keys=draw(st.sampled_from([(None,), ("x", "y")]))))
    wrote = iter(range(10, 99))
    written = [each._replace(value=next(wrote)) if each.f == "write" else each for each in drawn]
    values = [None, *(each.value for each in written if each.f == "write"), 99]
    return History(
        tuple(
            each._replace(result=draw(st.sampled_from(values))) if each.f == "read" and each.status == "ok" else each
            for each in written
        )
    )


@settings(max_examples=200, deadline=None)
@given(unique_registers(), st.sampled_from([None, 99]))
def test_zones_of_values_that_are_written_once_say_what_every_order_says(history, initial):
    model = MODELS["register"](initial=initial)
    found = misplaced(model, history.operations)

    assert found is not False
    apart = history.groups(lambda each: each.key).values()
    right = all(some_order(model, each, in_real_time) for each in apart)
    assert (found is None) == right
    assert linearizability(history, model).valid == right


def model_of(verdict):
    given = {name: verdict[name] for name in ("initial", "nil_read") if name in verdict}
    if "failed_cas" in verdict:
        given["failed_cas"] = FAILED[verdict["failed_cas"]]
    return MODELS[verdict["model"]](**given)


@pytest.mark.skipif(not VERDICTS, reason="the histories of other tools are not here")
@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_the_verdict_over_a_history_of_another_tool_is_the_known_one(name):
    history, verdict = read_history(SHARED / name), VERDICTS[name]

    if verdict["model"] == "list-append":
        assert list_append(history).valid is not verdict["anomaly"]
    else:
        found = linearizability(history, model_of(verdict))
        assert found.verdict == ("valid" if verdict["linearizable"] else "invalid")
        assert found.configurations < 100_000  # all within a second: it is 26,362 at most


def stale_read():
    """A read of the old value after a write of the new one was over; a fault lasts meanwhile."""
    events = Events()
    events.fault(2.5, "cut", "partition", "begin")
    for place, (process, f, value, result) in enumerate(
        [("a", "write", 1, None), ("a", "write", 2, None), ("b", "read", None, 1), ("a", "write", 3, None)], 1
    ):
        events.invoke(place, place, process, f, "x", value)
        events.complete_of(place, place + 0.5, process, f, "ok", result)
    return events.history()


def test_an_invalid_verdict_has_the_longest_order_and_what_cannot_follow():
    history = stale_read()
    found = linearizability(history, MODELS["cas-register"]())

    assert found.verdict == "invalid"
    assert [each.value for each in found.partial.order] == [1, 2]
    assert found.partial.states == (2,)
    assert found.partial.stuck == history.operations[2]
    text = explained(found, history, MODELS["cas-register"]())
    assert "b: read x → ok 1  (3 s to 3.5 s)" in text
    assert "Beside it: partition, 2.5 s to inf s" in text


@settings(max_examples=60, deadline=None)
@given(histories("cas-register"))
def test_the_longest_order_is_an_order_and_goes_as_far_as_any(history):
    model = MODELS["cas-register"]()
    found = linearizability(history, model)
    if found.verdict != "invalid":
        return
    state, order = model.init(), found.partial.order
    for each in order:
        may, state = model.step(state, each)
        assert may

    assert all(not in_real_time(later, each) for place, each in enumerate(order) for later in order[place:])
    # Without what begins after the operation that is stuck has ended, nothing explains it; without it, all is well.
    stuck = found.partial.stuck
    before = [
        each if each.deadline <= stuck.deadline else each._replace(status="info", result=None, end=2**62)
        for each in history
        if model.happened(each)
        and each.begin < stuck.deadline
        and (each.deadline <= stuck.deadline or each.f != "read")
    ]
    assert not some_order(model, before, in_real_time)
    assert some_order(model, [each for each in before if each != stuck], in_real_time)


def hard(clients=9, rounds=4):
    """Writes of one value by many at once, of which no order explains the last read."""
    events = Events()
    place = 0
    for _ in range(rounds):
        for client in range(clients):
            events.invoke(place, place, client, "cas", None, (client, client + 1))
            place += 1
        for client in range(clients):
            events.complete_of(place, place, client, "cas", "info", None)
            place += 1
    events.invoke(place, place, 0, "read", None, None)
    events.complete_of(place, place, 0, "read", "ok", 99)
    return events.history()


def test_a_search_that_meets_a_limit_is_unknown_and_says_which():
    model = MODELS["cas-register"](initial=0)
    found = linearizability(hard(), model, Limits(memory_bytes=10_000))

    assert found.verdict == "unknown"
    assert "limit of memory" in found.why
    short = linearizability(hard(clients=40, rounds=9), model, Limits(seconds=1e-9))
    assert short.verdict == "unknown"
    assert "limit of time" in short.why


@pytest.mark.parametrize("limit", [{"seconds": 0}, {"seconds": float("nan")}, {"memory_bytes": 0}])
def test_a_limit_must_be_positive(limit):
    with pytest.raises(ValueError, match="must be greater than 0"):
        Limits(**limit)


def test_an_operation_that_the_model_does_not_have_is_refused_with_its_line():
    with pytest.raises(BadHistory, match=r"line 1: an operation must be one of enqueue, dequeue, got 'write'"):
        linearizability(stale_read(), MODELS["queue"]())


def test_a_register_has_not_the_words_of_a_store_though_values_are_unique() -> None:
    put = Operation(0, "put", None, 1, "ok", begin=0, end=1)
    got = History((put, Operation(0, "get", None, None, "ok", 1, begin=2, end=3)))
    assert linearizability(got, MODELS["kv"]()).verdict == "valid"
    with pytest.raises(BadHistory, match="line 1: an operation must be one of read, write, got 'put'"):
        linearizability(got, MODELS["register"]())


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="a model must have the method init"):
        linearizability(stale_read(), object())


def test_more_operations_may_be_open_together_than_a_word_has_bits():
    events = Events()
    for client in range(200):
        events.invoke(client, client, client, "add", None, 1)
    for client in range(200):
        events.complete_of(client, 200 + client, client, "add", "ok", None)
    events.invoke(0, 400, 0, "read", None, None)
    events.complete_of(0, 401, 0, "read", "ok", 200)

    assert linearizability(events.history(), MODELS["counter"]()).valid


def test_the_kernel_checks_what_it_is_given():
    one = np.zeros(1, dtype=np.int64)
    arguments = (one, one, one, np.array([0, -1]), one, 1, lambda state, kind: 0)
    assert real_time_search(*arguments).run(10, 10**6) == FOUND

    for place, wrong, rule in [
        (0, np.zeros(2, dtype=np.int64), "equally many"),
        (3, np.array([0, -3]), "from 0 to 0"),
        (4, np.array([1]), "slots must be from 0 to 0"),
    ]:
        with pytest.raises(ValueError, match=rule):
            real_time_search(*arguments[:place], wrong, *arguments[place + 1 :])
    with pytest.raises(TypeError):
        real_time_search(one.astype(float), *arguments[1:])


def test_a_fault_beside_has_a_window():
    assert stale_read().faults == (FaultWindow("partition", 2.5, float("inf")),)


def test_a_failed_compare_and_set_saw_another_value_or_never_happened():
    events = Events()
    for f, value, status in [("write", 1, "ok"), ("cas", (1, 2), "fail")]:
        events.invoke(1, 1.0, 0, f, None, value)
        events.complete_of(2, 2.0, 0, f, status, None)
    history = events.history()

    assert linearizability(history, MODELS["cas-register"](failed_cas="nothing")).valid
    assert not linearizability(history, MODELS["cas-register"](failed_cas="operation")).valid
