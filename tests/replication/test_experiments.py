"""The experiments on replicated data, in their small version: each finds what its page says."""

import pytest
from small_experiments import answers, assert_answered

from experiments import (
    consistency_levels,
    partition_and_heal,
    quorum_staleness,
    raft_availability,
    replicated_training,
)

pytestmark = pytest.mark.slow

MODULES = {
    "consistency_levels": consistency_levels,
    "quorum_staleness": quorum_staleness,
    "raft_availability": raft_availability,
    "partition_and_heal": partition_and_heal,
    "replicated_training": replicated_training,
}
SEEDS = (0, 1)

answer = answers(MODULES, SEEDS)


@pytest.mark.parametrize("name", MODULES)
def test_an_experiment_has_a_picture_a_table_a_verdict_and_a_finding_on_its_page(name, answer):
    assert_answered(name, answer(name), SEEDS)


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


def test_raft_is_silent_for_a_timeout_and_a_fifth_and_six_ways_of_a_message_and_not_much_longer(answer):
    silent_s = answer("raft_availability").table.groupby(["network", "election_timeout_s"])["silent_s"].mean()

    for network, (_, away_s) in raft_availability.NETWORKS.items():
        assert silent_s[network, 0.4] > silent_s[network, 0.1]
        for timeout_s in raft_availability.SMALL:
            expected_s = 1.2 * timeout_s + 6 * away_s
            # The longest of at least two silences, each with a timeout that is drawn and a client that waits 0.25 s.
            assert 0.7 * expected_s < silent_s[network, timeout_s] < expected_s + 0.5 * timeout_s + 0.5


def test_who_answers_on_both_sides_of_a_cut_is_not_linearizable_and_who_is_lets_one_side_wait(answer):
    table = answer("partition_and_heal").table
    unanswered = partition_and_heal.score(table).mean()

    assert unanswered["eventual"] == 0
    assert 100 / 3 - 6 < unanswered["Raft"] < 50  # a third is client 0's, whose first may come before the cut
    assert dict(table.groupby("scheme")["verdict"].unique().str.join(" ")) == {"Raft": "valid", "eventual": "invalid"}
    waits = table[(table["scheme"] == "Raft") & (table["status"] != "ok")]
    assert set(waits["client"]) == {0}


def test_what_is_linearizable_loses_no_step_of_training_and_what_is_eventual_some_and_an_own_disk_all(answer):
    table = answer("replicated_training").table
    means = table.groupby(["scheme", "faults"])[["lost", "step_ms", "loss"]].mean()

    assert table[(table["faults"] == "none") | (table["scheme"] == "Raft")]["lost"].max() == 0
    # In eight seconds three failovers, of which every third goes back by half a second.
    assert 0 < means.loc[("eventual", "failovers"), "lost"] < means.loc[("own disk", "failovers"), "lost"] / 3
    steps_ms = means["step_ms"].xs("none", level="faults")
    assert steps_ms["own disk"] < steps_ms["eventual"] < steps_ms["Raft"]
    for scheme in ("eventual", "Raft"):
        assert means.loc[(scheme, "failovers"), "loss"] < 0.8 * means.loc[("own disk", "failovers"), "loss"]
