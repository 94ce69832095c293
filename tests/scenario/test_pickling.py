"""A result goes to another process, or says which of its parts cannot."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from simcluster import Scenario, run
from simcluster.scenario import versions
from tests.scenario.ends import TWO, Gives, scenario
from tests.strategies import training


@pytest.mark.parametrize("made", [scenario("busy_at_once"), training(steps=3)])
def test_a_result_is_the_same_when_it_is_read_back(made):
    result = run(made, 0)
    back = pickle.loads(pickle.dumps(result))

    for name in ("scenario", "seed", "ended", "ended_s", "verdicts", "backlog", "digest"):
        assert getattr(back, name) == getattr(result, name)
    assert list(back.trace.rows()) == list(result.trace.rows())
    for name in vars(result.outcome) if hasattr(result.outcome, "parameters") else ():
        np.testing.assert_array_equal(getattr(back.outcome, name), getattr(result.outcome, name))


def test_what_cannot_be_pickled_is_said():
    class Hidden(Gives):
        pass

    with pytest.raises(TypeError, match=r"all its parts can, got scenario.job = <.*Hidden object.*local object"):
        pickle.dumps(run(Scenario(cluster=TWO, job=Hidden()), 0))


def test_the_part_of_an_outcome_that_cannot_be_pickled_is_said():
    outcome = {"loss": 0.5, "curve": [1.0, lambda: 2.0]}

    result = run(Scenario(cluster=TWO, job=Gives()), 0)
    with pytest.raises(TypeError, match=r"all its parts can, got outcome.curve.1 = <function .*lambda"):
        pickle.dumps(replace(result, outcome=outcome))


def test_a_copy_is_like_it():
    result = run(scenario("busy_at_once"), 0)

    assert copy.copy(result).digest == result.digest


def test_a_result_that_is_read_back_elsewhere_says_with_what_it_was_made(monkeypatch):
    made = pickle.dumps(run(scenario("busy_at_once"), 0))
    monkeypatch.setattr("simcluster.scenario.result.versions", lambda: {"numpy": "of another process"})

    assert pickle.loads(made).versions == versions()
