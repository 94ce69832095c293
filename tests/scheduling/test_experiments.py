"""The experiments on schedules, in their small version: each finds what its page says."""

import pytest
from small_experiments import answers, assert_answered

from experiments import locality, stragglers

pytestmark = pytest.mark.slow

MODULES = {"locality": locality, "stragglers": stragglers}
SEEDS = (0, 1)

answer = answers(MODULES, SEEDS)


@pytest.mark.parametrize("name", MODULES)
def test_an_experiment_has_a_picture_a_table_a_verdict_and_a_finding_on_its_page(name, answer):
    assert_answered(name, answer(name), SEEDS)


def test_copies_save_time_where_machines_are_slow_and_late_copies_less_than_a_threshold_where_none_is(answer):
    table = answer("stragglers").table.groupby(["copies", "slower"])[["makespan_s", "wasted_share", "copied"]].mean()

    assert (table.loc["none", ["wasted_share", "copied"]] == 0).all(axis=None)
    for copies in ("naive threshold", "LATE", "hedged"):
        assert table.loc[(copies, 8.0), "makespan_s"] < 0.85 * table.loc[("none", 8.0), "makespan_s"]
    assert table.loc[("LATE", 1.0), "copied"] < table.loc[("naive threshold", 1.0), "copied"] / 2
    assert table.loc[("hedged", 1.0), "wasted_share"] < 0.01


def test_more_offers_are_more_local_and_sooner_done_the_more_so_the_smaller_jobs_are(answer):
    table = answer("locality").table.groupby(["jobs", "offers"])[["local_share", "makespan_s", "job_s"]].mean()

    for jobs in locality.JOBS:
        of_jobs = table.loc[jobs]
        assert of_jobs["local_share"].is_monotonic_increasing
        assert of_jobs["makespan_s"].is_monotonic_decreasing
    assert table.loc[("1/16", 0), "local_share"] == pytest.approx(1 / 16, abs=0.03)
    assert table.loc[("1/16", 32), "makespan_s"] < 0.7 * table.loc[("1/16", 0), "makespan_s"]
