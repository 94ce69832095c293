"""The experiments on replicated data, in their small version: each finds what its page says."""

import pandas as pd
import pytest

from experiments import consistency_levels, quorum_staleness

pytestmark = pytest.mark.slow

MODULES = {"consistency_levels": consistency_levels, "quorum_staleness": quorum_staleness}
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
def test_an_experiment_has_a_picture_a_table_and_a_verdict(name, answer):
    found = answer(name)

    assert found.picture.stat().st_size > 10_000
    assert len(pd.read_csv(found.picture.with_suffix(".csv"), comment="#")) == len(found.table)
    assert not found.table.isna().any(axis=None)


def test_what_is_available_in_a_partition_is_not_linearizable_and_what_is_linearizable_is_not_available(answer):
    table = answer("consistency_levels").table
    cut = table[table["fault"] == "partition"].groupby("level")[["available", "linearizable", "stale_share"]].mean()

    assert cut.loc["eventual", "available"] == cut.loc["causal", "available"] == 1.0
    assert cut.loc[["eventual", "causal"], "linearizable"].max() == 0.0
    assert cut.loc["causal", "stale_share"] > 0.05
    assert cut.loc["atomic register", "available"] == pytest.approx(2 / 3, abs=0.05)
    assert table[table["level"] == "atomic register"]["linearizable"].all()
    assert table[table["level"] == "causal"]["causal"].all()


def test_a_majority_in_two_places_is_waited_for(answer):
    table = answer("consistency_levels").table
    medians_s = table[table["fault"] == "crash"].groupby("level")["latency_s_p50"].mean()

    assert medians_s["eventual"] < 0.005
    assert medians_s["atomic register"] > 0.04  # there and back


def test_quorums_that_meet_see_every_write_and_those_that_do_not_see_it_in_time(answer):
    table = answer("quorum_staleness").table
    shares = table[table["store"] == "LNKD-DISK"].groupby(["quorums", "after_s"])["saw_it"].mean()

    assert (shares["R = 2, W = 2"] == 1.0).all()
    assert shares["R = 1, W = 1"].iloc[0] == pytest.approx(0.44, abs=0.1)  # of 220 pairs
    assert shares["R = 1, W = 1"].iloc[-1] > 0.97
