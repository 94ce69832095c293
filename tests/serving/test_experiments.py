"""The experiments on balancers and autoscaling, in their small version: each finds what its page says."""

import pytest
from small_experiments import answers, assert_answered

from experiments import autoscaling, load_balancing, stale_information

pytestmark = pytest.mark.slow

MODULES = {"load_balancing": load_balancing, "stale_information": stale_information, "autoscaling": autoscaling}
SEEDS = (0, 1, 2)

answer = answers(MODULES, SEEDS)


@pytest.mark.parametrize("name", MODULES)
def test_an_experiment_has_a_picture_a_table_a_verdict_and_a_finding_on_its_page(name, answer):
    assert_answered(name, answer(name), SEEDS)


def test_whoever_looks_at_queues_beats_whoever_does_not_at_a_high_load(answer):
    table = answer("load_balancing").table
    tail_s = table[table["load"] == 0.9].groupby("balancer")["sojourn_s_p99"].mean()

    assert max(tail_s[["power of two choices", "least loaded"]]) < min(tail_s[["random", "round robin"]])


def test_the_shortest_queue_is_best_by_fresh_information_and_worst_by_old(answer):
    table = answer("stale_information").table
    mean_s = table.pivot_table(index="balancer", columns="interval", values="sojourn_s_mean")

    assert mean_s[0.1].idxmin() in ("least loaded", "power of four choices")
    assert mean_s[10.0].idxmax() == "least loaded"
    assert mean_s[10.0].idxmin() == "power of two choices"


def test_following_the_load_costs_less_than_its_peak_and_a_cold_start_is_paid_by_the_tail(answer):
    table = answer("autoscaling").table
    days = table[table["arrivals"] == "days"].groupby(["policy", "cold_start_s"])[["servers", "sojourn_s_p99"]].mean()

    for policy in ("60 % busy", "one request each", "steps of two"):
        assert days.loc[policy, "servers"].max() < 0.8 * days.loc["fixed, for the peak", "servers"].min()
        assert days.loc[(policy, 3.0), "sojourn_s_p99"] > days.loc[(policy, 0.0), "sojourn_s_p99"]
