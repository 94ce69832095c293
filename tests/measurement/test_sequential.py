import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.measurement.checkers import MODELS, Limits, sequential
from simcluster.measurement.histories import Events
from tests.measurement.drawn_histories import DRAWN, histories, some_order


def in_program_order(one, other):
    """Whether both are of one process and one comes first; what nobody knows of may come at any later time."""
    return one.process == other.process and one.begin < other.begin and one.status != "info"


@pytest.mark.parametrize("word", DRAWN)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_verdict_is_that_of_trying_every_order(word, data):
    model = MODELS[word]()
    history = data.draw(histories(word))

    found = sequential(history, model)

    assert found.valid == some_order(model, history.operations, in_program_order)


class TwoRegisters:
    """Both keys in one state, said without the library's models."""

    def init(self):
        return (None, None)

    def step(self, state, operation):
        place = "xy".index(operation.key)
        if operation.f == "read":
            return operation.status == "info" or state[place] == operation.result, state
        return True, tuple(operation.value if each == place else state[each] for each in range(2))

    def happened(self, operation):
        return operation.status != "fail"


@settings(max_examples=60, deadline=None)
@given(histories("register", keys=("x", "y")))
def test_all_keys_are_searched_together(history):
    found = sequential(history, MODELS["register"]())

    assert found.valid == some_order(TwoRegisters(), history.operations, in_program_order)


def dekker():
    """Both write their own flag and read the other's as it was before."""
    events = Events()
    for place, (process, f, key, value) in enumerate(
        [(0, "write", "x", 1), (0, "read", "y", None), (1, "write", "y", 1), (1, "read", "x", None)]
    ):
        events.invoke(place, place, process, f, key, value)
        events.complete_of(place, place, process, f, "ok", None)
    return events.history()


def test_two_flags_that_neither_sees_are_right_key_by_key_and_wrong_together():
    found = sequential(dekker(), MODELS["register"]())

    assert found.verdict == "invalid"
    assert [str(each) for each in found.anomalies[0].operations] == ["1: read x → ok None"]
    alone = [dekker().of_operations(each) for each in dekker().groups(lambda each: each.key).values()]
    assert [sequential(each, MODELS["register"]()).verdict for each in alone] == ["valid", "valid"]


def test_a_search_that_has_no_memory_is_unknown():
    found = sequential(dekker(), MODELS["register"](), Limits(memory_bytes=1))

    assert found.verdict == "unknown"
    assert "memory" in found.why
