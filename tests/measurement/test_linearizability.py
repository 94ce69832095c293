import json
from pathlib import Path

import pytest
from tests.measurement.drawn_histories import DRAWN, histories, in_real_time, some_order
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.measurement.checkers import MODELS, Limits, linearizability
from simcluster.measurement.checkers.orders.registers import has_unique_values, misplaced
from simcluster.measurement.histories import Events, History, read_history

SHARED = Path(__file__).parents[3] / "shared" / "histories"
FAILED = {"saw another value": "operation", "did not happen": "nothing"}


def options(model):
    """The parameters of a model, drawn."""
    drawn = {}
    fields = MODELS[model].__dataclass_fields__ if hasattr(MODELS[model], "__dataclass_fields__") else {}
    if "nil_read" in fields:
        drawn["nil_read"] = st.sampled_from(["absent", "unknown"])
    if "failed_cas" in fields:
        drawn["failed_cas"] = st.sampled_from(["operation", "nothing"])
    if "initial" in fields and model in ("register", "cas-register", "kv", "multi-register"):
        drawn["initial"] = st.sampled_from([None, 0])
    return st.fixed_dictionaries(drawn)


@pytest.mark.parametrize("word", DRAWN)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_the_verdict_is_that_of_trying_every_order(word, data):
    model = MODELS[word](**data.draw(options(word)))
    history = data.draw(histories(word))

    found = linearizability(history, model)

    assert found.valid == some_order(model, history.operations, in_real_time)


@settings(max_examples=150, deadline=None)
@given(histories("kv", keys=("x", "y")))
def test_keys_are_checked_apart(history):
    model = MODELS["kv"]()
    apart = history.groups(lambda each: each.key).values()

    assert linearizability(history, model).valid == all(some_order(model, each, in_real_time) for each in apart)
