"""Crossed scenarios: every value with every other, by label, and a small version of them."""

import pytest
from studying import how_long, scenario

from simcluster import sweep
from simcluster.study import Crossed, Study


def make(steps, horizon_s):
    return scenario(steps=steps).replace(horizon_s=horizon_s)


def drawn(steps, seed):
    return scenario(steps=steps + seed)


STEPS = {"few": 1, "many": 5}


def test_every_value_is_with_every_other_and_a_mapping_has_labels_for_its_values():
    crossed = Crossed(make, {"steps": STEPS, "horizon_s": (3.0, 9.0)})

    assert crossed.labels == ("steps", "horizon_s")
    assert crossed() == {
        (name, horizon_s): make(steps, horizon_s) for name, steps in STEPS.items() for horizon_s in (3.0, 9.0)
    }


def test_the_small_version_has_fewer_labels_or_other_values():
    crossed = Crossed(make, {"steps": STEPS, "horizon_s": (3.0, 9.0)}, small={"steps": ["many"], "horizon_s": (2.0,)})

    assert crossed(True) == {("many", 2.0): make(5, 2.0)}
    assert len(crossed(False)) == 4


def test_what_takes_a_seed_is_made_under_each():
    crossed = Crossed(drawn, {"steps": STEPS})

    assert list(sweep(crossed(), range(2), how_long, labels=crossed.labels)["time_s"]) == [1, 3, 5, 7]


def test_a_study_takes_them():
    crossed = Crossed(drawn, {"steps": STEPS})
    study = Study(crossed(), range(2), how_long, labels=crossed.labels).run(1)

    assert list(study.frame()["time_s"]) == [1, 3, 5, 7]


@pytest.mark.parametrize(
    ("columns", "small", "said"),
    [
        ({"steps": "few"}, None, r"values of steps must be several, got 'few': write \['few'\]"),
        ({"steps": 3}, None, "values of steps must be several, got 3"),
        ({"steps": []}, None, "values of steps must be at least one, got none"),
        ({"steps": STEPS}, {"stesp": [1]}, "small must be of the columns steps, got 'stesp'.*steps"),
        ({"steps": STEPS}, {"steps": []}, "values of steps must be at least one, got none"),
    ],
)
def test_what_gives_no_scenarios_is_refused(columns, small, said):
    with pytest.raises(ValueError, match=said):
        Crossed(drawn, columns, small=small)
