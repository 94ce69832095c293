"""What differentially private training gives away is what papers and integrals say, and never less than is exact."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from simcluster import run
from simcluster.training import DpSgd
from simcluster.training.privacy.accountant import ORDERS, divergences, epsilon, steps_within
from tests.training.exchanges import training

pytestmark = pytest.mark.theory


def test_ten_thousand_steps_of_abadi_et_al_spend_1_2586():
    # By Mironov's conversion, at order 20; the improved one of the same divergences says 1.0355.
    assert epsilon(10**4, 0.01, 4.0, 1e-5) == pytest.approx(1.2586, abs=5e-5)
    assert epsilon(10**4, 0.01, 4.0, 1e-5, "improved") == pytest.approx(1.0355, abs=5e-5)


@pytest.mark.parametrize(("rate", "noise"), [(0.01, 4.0), (0.1, 1.0), (0.5, 2.0), (0.9, 0.8)])
@pytest.mark.parametrize("order", [2, 3, 8, 20])
def test_the_divergence_of_a_sampled_gaussian_is_its_integral(rate, noise, order):
    def raised(x):  # of the density with a row to the one without, to the power α, under the latter
        ratio = (1 - rate) + rate * math.exp((2 * x - 1) / (2 * noise**2))
        return math.exp(order * math.log(ratio) - x * x / (2 * noise**2)) / math.sqrt(2 * math.pi) / noise

    # The mass of the k-th term lies at x = k.
    whole, _ = integrate.quad(raised, -12 * noise, order + 12 * noise, points=[0, order], limit=500, epsrel=1e-11)

    found = divergences(rate, noise)[ORDERS.index(order)]
    assert found == pytest.approx(math.log(whole) / (order - 1), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("noise", [0.5, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("steps", [1, 7, 100])
@pytest.mark.parametrize("conversion", ["standard", "improved"])
def test_what_is_said_to_be_spent_on_whole_gaussians_is_enough(noise, steps, conversion):
    # T Gaussians are one with σ/√T, whose least δ for an ε is known exactly (Balle & Wang, ICML 2018, theorem 8).
    delta, one = 1e-5, noise / math.sqrt(steps)
    spent = epsilon(steps, 1.0, noise, delta, conversion)
    above, below = (stats.norm.cdf(side * 0.5 / one - spent * one) for side in (1, -1))
    exact = above - math.exp(min(spent, 700)) * below

    assert exact <= delta
    assert epsilon(steps, 1.0, noise, delta, "improved") <= epsilon(steps, 1.0, noise, delta)


def test_more_is_spent_by_more_steps_more_rows_and_less_noise_and_nothing_by_none():
    of_steps = [epsilon(steps, 0.02, 2.0, 1e-5) for steps in (0, 1, 10, 100, 10**6)]
    of_rates = [epsilon(100, rate, 2.0, 1e-5) for rate in (0.0, 1e-9, 0.01, 0.5, 0.999999, 1.0)]
    of_noise = [epsilon(100, 0.02, noise, 1e-5) for noise in (1e150, 100.0, 2.0, 0.5, 1e-3, 1e-160, 0.0)]

    for found in (of_steps, of_rates, of_noise):
        assert found == sorted(found)
        assert found[0] >= 0
    assert of_steps[0] == of_rates[0] == 0
    assert of_noise[-1] == math.inf


def test_a_budget_allows_the_steps_that_spend_no_more():
    for budget in (0.3, 1.0, 1.2585, 1.2586, 50.0):
        steps = steps_within(budget, 20_000, 0.01, 4.0, 1e-5)
        assert epsilon(steps, 0.01, 4.0, 1e-5) <= budget or steps == 0
        assert steps == 20_000 or epsilon(steps + 1, 0.01, 4.0, 1e-5) > budget


def test_a_run_says_what_it_spends_as_it_goes():
    privacy = DpSgd(noise=4.0, sampling_rate=0.01)
    result = run(training(privacy=privacy, batch_size=None, steps=6), seed=0)

    assert result.metrics["epsilon"] == result.outcome.epsilon == epsilon(6, 0.01, 4.0, 1e-5)
    np.testing.assert_array_equal(result.series["privacy"]["step"], range(1, 7))
    np.testing.assert_array_equal(
        result.series["privacy"]["epsilon"], [epsilon(step, 0.01, 4.0, 1e-5) for step in range(1, 7)]
    )


def test_batches_spend_a_whole_gaussian_in_an_epoch():
    # 150 irises on 4 workers: the shortest epoch has ⌊37/8⌋ = 4 steps, so the 9th step is of the third.
    result = run(training(privacy=DpSgd(noise=4.0), batch_size=8, steps=9), seed=0)

    assert result.outcome.epsilon == epsilon(3, 1.0, 4.0, 1e-5)
