"""What a study says of its numbers: nothing that is missing is passed over in silence."""

import math

import numpy as np
import pandas as pd
import pytest

from simcluster.study.analysis import compared, summarised, what_matters

FRAME = pd.DataFrame(
    [
        {"steps": steps, "other": 1, "seed": seed, "cost": 10.0 * steps + seed + 0.1 * steps * seed**2}
        for steps in (1, 2, 3)
        for seed in range(4)
    ]
)
COLUMNS = ("steps", "other")


def test_the_better_direction_is_the_one_that_is_asked_for():
    assert compared(FRAME, COLUMNS, "steps", "cost").order == ("1", "2", "3")
    assert compared(FRAME, COLUMNS, "steps", "cost", lower_is_better=False).order == ("3", "2", "1")


def test_several_rows_of_a_run_are_one_run():
    twice = pd.concat([FRAME, FRAME.assign(cost=FRAME["cost"] + 2)], ignore_index=True)
    once = FRAME.assign(cost=FRAME["cost"] + 1)

    pd.testing.assert_frame_equal(summarised(twice, COLUMNS), summarised(once, COLUMNS))


def test_a_number_and_the_word_for_it_are_two():
    one = FRAME[FRAME["steps"] == 1]
    both = pd.concat([one, one.assign(steps="1", cost=one["cost"] + 1)], ignore_index=True)

    assert compared(both, COLUMNS, "steps", "cost").order == ("1", "'1'")


def test_a_run_without_a_number_is_no_mean_of_the_others():
    twice = pd.concat([FRAME, FRAME.assign(other=2)], ignore_index=True)
    twice.loc[0, "cost"] = math.nan

    with pytest.raises(ValueError, match="finite, got nan"):
        compared(twice, COLUMNS, "steps", "cost")


def test_several_rows_of_a_run_are_no_seeds():
    with pytest.raises(ValueError, match="metric must be one number a run, got several of 'cost'"):
        compared(pd.concat([FRAME, FRAME]), COLUMNS, "steps", "cost")


def test_a_column_with_one_value_is_no_parameter():
    assert what_matters(FRAME, COLUMNS, "cost").index.tolist() == ["steps"]


def test_a_summary_counts_the_runs_that_have_a_number():
    frame = FRAME.copy()
    frame.loc[[0, 1], "cost"] = [math.inf, math.nan]
    found = summarised(frame, COLUMNS)

    assert found["runs"].tolist() == [2, 4, 4]
    assert found["mean"].tolist() == pytest.approx(
        [np.mean(frame["cost"][2:4]), *FRAME.groupby("steps")["cost"].mean()[1:]]
    )


def test_a_mean_of_a_run_is_that_of_its_rows_whatever_the_seeds_and_the_order_of_rows():
    seeds = [2**62, 5, 2**62, 7, 5, 2**62]
    frame = pd.DataFrame({"seed": seeds, "x": [1.0, 2.0, 3.0, 10.0, 4.0, 8.0]})

    (found,) = summarised(frame, ()).to_dict("records")

    assert (found["runs"], found["mean"]) == (3, (4 + 3 + 10) / 3)
