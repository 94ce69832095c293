"""Draws have the mean that the distribution declares."""

import numpy as np
import pytest
from scipy import stats

from simcluster.engine import Constant, Empirical, Exponential, InvalidSpec, Lognormal, Pareto, Uniform, Weibull, stream

DRAWS = 20_000
CASES = [
    (Constant(value=0.25), None),
    (Exponential(mean=2.0), stats.expon(scale=2.0)),
    (Uniform(low=1.0, high=3.0), stats.uniform(1.0, 2.0)),
    (Lognormal(mean=2.0, sigma=0.5), stats.lognorm(0.5, scale=2.0 * np.exp(-0.125))),
    (Pareto(mean=2.0, shape=3.0), stats.pareto(3.0, scale=4.0 / 3.0)),
    (Weibull(mean=1.7724538509055159, shape=2.0), stats.weibull_min(2.0, scale=2.0)),
    (Empirical(values=(1.0, 2.0, 6.0)), None),
]


@pytest.mark.parametrize(("distribution", "law"), CASES, ids=lambda case: getattr(case, "kind", ""))
def test_draws_follow_the_law(distribution, law):
    generator = stream(1, "test", distribution.kind)
    draws = np.array([distribution.sample(generator) for _ in range(DRAWS)])

    # Five standard errors of the sample mean: one false alarm in two million, and the seed is fixed.
    assert abs(draws.mean() - distribution.mean) <= 5 * draws.std() / np.sqrt(DRAWS)
    if law is not None:
        assert stats.kstest(draws, law.cdf).pvalue > 1e-4


class Halved(Exponential):
    """A law of one's own that is made of another."""

    def sample(self, generator):
        return super().sample(generator) / 2


@pytest.mark.parametrize(
    "distribution", [each for each, _ in CASES if hasattr(each, "samples")] + [Halved(mean=2.0)], ids=type
)
def test_many_draws_at_once_are_those_that_come_one_after_the_other(distribution):
    one, many = stream(2, "test"), stream(2, "test")

    assert distribution.samples(many, 100) == [distribution.sample(one) for _ in range(100)]
    assert distribution.sample(one) == distribution.sample(many)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(value=-1), "greater than or equal to 0"),
        (lambda: Exponential(mean=0), "greater than 0"),
        (lambda: Exponential(mean=float("nan")), "finite"),
        (lambda: Uniform(low=2, high=1), "high must be at least low"),
        (lambda: Pareto(mean=1, shape=1), "greater than 1"),
        (lambda: Empirical(values=()), "at least 1"),
        (lambda: Exponential(mean=1, rate=2), "rate"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(make, message):
    with pytest.raises(InvalidSpec, match=message):
        make()
