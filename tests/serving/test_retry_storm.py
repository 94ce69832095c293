"""The experiment on retry storms, in its small version: retries keep a service down whose trigger has ended."""

from pathlib import Path

import pandas as pd
import pytest

from experiments import retry_storm

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "experiments.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    return retry_storm.experiment.compare((0, 1), small=True, out=tmp_path_factory.mktemp("out"))


def test_it_has_a_picture_a_table_and_a_section_on_the_page(answer):
    assert answer.picture.stat().st_size > 10_000
    assert len(pd.read_csv(answer.picture.with_suffix(".csv"), comment="#")) == len(answer.table)
    assert not answer.table.isna().any(axis=None)
    question = retry_storm.QUESTION
    assert f"## `experiments/retry_storm.py`: {question[0].lower()}{question[1:]}" in PAGE


def test_before_the_slow_down_everybody_is_answered_in_time_and_in_the_end_everybody_but_with_retries_alone(answer):
    table = answer.table
    goodput = table["in_time"] / table["came"]
    before = goodput[table["second"] < retry_storm.BEGIN_S].groupby(table["strategy"]).mean()
    late = goodput[table["second"] >= retry_storm.SMALL_END_S - 4].groupby(table["strategy"]).mean()

    assert before.min() > 0.99
    assert late["retries"] < 0.02
    assert late["no retries"] > 0.8
    assert late["a deadline, carried"] > 0.5  # in some runs it takes a little longer than the small version lasts


def test_the_failure_is_metastable_with_retries_alone_and_not_without_or_where_a_deadline_is_carried(answer):
    failed = answer.table.groupby("strategy")["metastable"].mean()

    assert failed["retries"] == 1
    assert failed[["no retries", "a deadline, carried"]].max() == 0


def test_a_storm_sends_each_query_almost_as_often_as_it_may_be_and_a_budget_a_tenth_more_than_once(answer):
    sent = answer.table.groupby("strategy")["amplification"].max()

    assert sent["retries"] > 3
    assert sent["no retries"] == 1
    assert sent["a budget of a tenth"] <= 1.1
