"""What the experiment on load balancing draws beside random choice is the theory of what it measures."""

import math

import pytest

from experiments import load_balancing
from experiments.load_balancing import NETWORK_S, random_choice_s, scenario, search_s
from simcluster.measurement import positive_mean_interval
from simcluster.scenario import run
from simcluster.serving import random


@pytest.mark.slow
def test_where_queues_soon_forget_that_they_began_empty_the_theory_is_that_of_mm1():
    long_run_s = [NETWORK_S - math.log(1 - q) * search_s() / (1 - 0.3) for q in (0.5, 0.99)]

    assert random_choice_s(0.3, 3000) == pytest.approx(long_run_s, rel=0.02)  # 0.5 % and 1 % are standard errors


def test_under_a_high_load_a_run_of_some_queries_stays_far_below_the_long_run():
    long_run_s = NETWORK_S + math.log(100) * search_s() / (1 - 0.9)

    assert random_choice_s(0.9, 300)[1] < random_choice_s(0.9, 3000)[1] < 0.8 * long_run_s


def test_the_theory_leaves_out_the_queries_of_the_warm_up_as_the_measurement_does(monkeypatch):
    kept = random_choice_s(0.9, 300)
    monkeypatch.setattr(load_balancing, "WARM_UP", 0.0)

    assert all(all_s < kept_s for all_s, kept_s in zip(random_choice_s(0.9, 300), kept, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("load", [0.5, 0.9])
def test_the_simulated_random_choice_agrees_with_the_theory_of_as_many_queries(load):
    rows = [run(scenario(random, load, 300), seed).metrics for seed in range(8)]
    measured = [positive_mean_interval([row[f"sojourn_s_p{q}"] for row in rows], 0.99) for q in (50, 99)]

    assert [row["queries_answered"] for row in rows] == [300] * 8
    assert [expected in interval for expected, interval in zip(random_choice_s(load, 300), measured, strict=True)] == [
        True,
        True,
    ]
