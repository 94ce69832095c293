"""How often to save, and how much longer work takes then (Young 1974; Daly 2006)."""

import math
from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from simcluster.cluster import Cluster, ClusterSpec, NodeSpec, StorageSpec
from simcluster.engine import Environment, Trace
from simcluster.faults import Injector, draw_crashes
from simcluster.recovery import Adaptive, Checkpoints, Daly, Fixed, Young, daly_s, stretch, young_s
from simcluster.recovery.protocols import Observed

pytestmark = pytest.mark.theory

DAY_S, MINUTE_S = 86_400.0, 60.0
COST_S, RESTART_S, STEP_S = 60.0, 120.0, 230.0
#: Nothing has been seen yet.
NOTHING = Observed(None, 0, 0.0)


def test_for_a_minute_s_checkpoint_and_a_failure_a_day_young_s_interval_is_3220_s():
    assert round(young_s(COST_S, DAY_S)) == 3220
    assert Young(mttf_s=DAY_S, cost_s=COST_S)(NOTHING) == young_s(COST_S, DAY_S)
    assert stretch(3220.0, COST_S, DAY_S, RESTART_S) == pytest.approx(1.03966, abs=5e-6)


@pytest.mark.parametrize(("mttf_s", "minutes"), [(DAY_S, 117), (DAY_S / 4, 57), (15 * MINUTE_S, 9.1)])
def test_daly_s_intervals_are_those_of_his_paper(mttf_s, minutes):
    """T = 500 h, R = 10 min, δ = 5 min: 117, 57 and 9.1 min (Daly 2006)."""
    digits = 1 if minutes < 10 else 0

    assert round(daly_s(5 * MINUTE_S, mttf_s) / MINUTE_S, digits) == minutes
    assert Daly(mttf_s=mttf_s, cost_s=5 * MINUTE_S)(NOTHING) == daly_s(5 * MINUTE_S, mttf_s)


@pytest.mark.parametrize("share", [1e-6, 1e-3, 0.01, 0.1, 0.3])
def test_daly_s_interval_is_the_least_of_his_stretch_and_young_s_is_above_it(share):
    """The series is cut off after δ/2M: what is left is of the order of (δ/2M)^{3/2} of the interval."""
    cost_s = share * DAY_S
    found = minimize_scalar(
        lambda log_s: stretch(math.exp(log_s), cost_s, DAY_S, 0.0), bounds=(0, 14), options={"xatol": 1e-12}
    )

    # The stretch is flat there: to rounding, 1e-16 of it, its minimum is seen to 1e-8 of the interval and no better.
    assert daly_s(cost_s, DAY_S) == pytest.approx(math.exp(found.x), rel=2 * (share / 2) ** 1.5 + 1e-3)
    assert daly_s(cost_s, DAY_S) < young_s(cost_s, DAY_S)


def test_a_checkpoint_that_takes_longer_than_two_failures_apart_is_made_once_in_the_mean_between_two():
    assert daly_s(2.0, 1.0) == daly_s(50.0, 1.0) == 1.0
    assert daly_s(1.9999999, 1.0) == pytest.approx(2 * (1 + 1 / 3 + 1 / 9) - 2, rel=1e-6)


def took_s(work_s, every, seed, mttf_s=DAY_S, restart_s=RESTART_S):
    """Simulated seconds for ``work_s`` of work, in steps, on a node that fails and is back at once, but must load."""
    env = Environment()
    storage = StorageSpec(bandwidth_bytes_per_s=1e18, flush_s=COST_S)
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n", storage=storage),)), 0, Trace(env, ()))
    Injector(cluster, draw_crashes(["n"], mttf_s, 1e-6, 3 * work_s, seed))
    over = env.event()

    def program(node):
        if node.crashes:
            yield node.timer(restart_s)
        keeper = Checkpoints(every=every).keeper(node, "n")
        done = (yield from keeper.restore()) or 0
        while done * STEP_S < work_s:
            yield node.busy(STEP_S)
            done += 1
            yield from keeper.after_step(done, partial(int, done))
        over.succeed()

    cluster["n"].boot(program)
    env.run(until=over)
    return env.now


WORK_S, SEEDS = 600 * 14 * STEP_S, range(40)


@pytest.fixture(scope="module")
def stretched():
    """How many times as long as by itself work of 22 days takes, for each seed, by Young's interval."""
    found = Young(mttf_s=DAY_S, cost_s=COST_S)
    return np.array([took_s(WORK_S, Fixed(interval_s=round(found(NOTHING) - 0.5)), seed) for seed in SEEDS]) / WORK_S


def test_work_that_is_saved_every_3220_s_takes_1_0397_times_as_long(stretched):
    error = stretched.std(ddof=1) / math.sqrt(len(stretched))

    # Four standard errors of the mean of forty seeds, 0.0008 each: what a failure loses deviates by half of its mean,
    # and there are 23 a seed. A checkpoint every hour and a half would be seven of them away, 1.0453.
    assert error < 0.001
    assert stretched.mean() == pytest.approx(1.03966, abs=4 * error)


def test_the_interval_of_the_formula_is_that_of_steps_of_the_same_length(stretched):
    for seed in range(3):
        assert took_s(WORK_S, 14, seed) / WORK_S == stretched[seed]


def test_an_adaptive_interval_comes_to_the_one_of_the_rate_that_there_is():
    """Failures come six times as often as is expected; of what that costs it takes most away."""
    mttf_s, seeds = DAY_S / 6, range(8)
    blind, knows = Daly(mttf_s=DAY_S, cost_s=COST_S), Daly(mttf_s=mttf_s, cost_s=COST_S)
    learns = Adaptive(mttf_s=DAY_S)
    means = [
        np.mean([took_s(WORK_S / 2, rule, seed, mttf_s) for seed in seeds]) for rule in (blind, learns, knows)
    ]

    # Paired seeds: the same crashes for all three. It is seen that the wrong rate costs some 4 %, the right one none.
    assert means[2] < means[1] < means[2] + 0.5 * (means[0] - means[2])
    for failures in (0, 10, 1000):
        observed = Observed(COST_S, failures, failures * mttf_s)
        expected = daly_s(COST_S, (DAY_S + failures * mttf_s) / (1 + failures))
        assert learns(observed) == expected
        assert Adaptive(mttf_s=DAY_S, formula="young")(observed) > expected
