"""The experiments on schedules, in their small version: each finds what its page says."""

from pathlib import Path

import pandas as pd
import pytest

from experiments import locality, stragglers

pytestmark = pytest.mark.slow

MODULES = {"locality": locality, "stragglers": stragglers}
PAGE = (Path(__file__).parent.parent.parent / "docs" / "experiments.md").read_text(encoding="utf-8")
SEEDS = (0, 1)


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """The answer of an experiment's small version, which runs once."""
    found, out = {}, tmp_path_factory.mktemp("out")

    def of(name):
        if name not in found:
            found[name] = MODULES[name].experiment.compare(SEEDS, small=True, out=out)
        return found[name]

    return of


@pytest.mark.parametrize("name", MODULES)
def test_an_experiment_has_a_picture_a_table_a_verdict_and_a_finding_on_its_page(name, answer):
    found = answer(name)

    assert found.picture.stat().st_size > 10_000
    assert len(pd.read_csv(found.picture.with_suffix(".csv"), comment="#")) == len(found.table)
    assert len(found.table) == len(found.experiment.scenarios(True)) * len(SEEDS)
    assert not found.table.isna().any(axis=None)
    assert f"## `experiments/{name}.py`: {found.experiment.question[0].lower()}{found.experiment.question[1:]}" in PAGE


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
