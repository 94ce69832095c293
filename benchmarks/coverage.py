"""How often intervals cover the truth: ``python benchmarks/coverage.py [--trials 2000]``.

Prints a table of methods, distributions and numbers of values: in how many of 2,000 trials with fixed seeds the 95 %
interval holds the true value. A method claims to hold it in 93 to 97 %; where the last column says "no" it does not
claim it, and stands there as a warning. tests/measurement/test_coverage.py checks those that claim it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from scipy import signal, stats

from simcluster.engine import stream
from simcluster.measurement import (
    Interval,
    Precision,
    batch_means_interval,
    bootstrap_interval,
    bootstrap_mean_interval,
    mean_interval,
    mser5,
    paired_difference,
    positive_mean_interval,
    quantile_interval,
    variance_reduction,
)

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]
RESAMPLES = 999


@dataclass(frozen=True)
class Case:
    """A method on samples of ``n`` values from ``draw(generator, n)``, which covers ``truth`` if ``claimed``."""

    method: str
    distribution: str
    n: int
    interval: Callable[[Array], Interval]
    draw: Draw
    truth: float
    claimed: bool = True

    def coverage(self, trials: int = 2000) -> float:
        """The share of trials in which the interval holds the truth."""
        generator = stream(1, "coverage", self.method, self.distribution, self.n)
        return sum(self.truth in self.interval(self.draw(generator, self.n)) for _ in range(trials)) / trials


def paired(function: Callable[[Array, Array], Interval]) -> Callable[[Array], Interval]:
    """The interval of the columns of (n, 2)."""
    return lambda pairs: function(pairs[:, 0], pairs[:, 1])


def ar1(generator: np.random.Generator, n: int, phi: float, start: float | None = None) -> Array:
    """An autoregressive series xᵢ = φ·xᵢ₋₁ + εᵢ with mean 0, stationary unless it has a ``start``."""
    noise = generator.normal(size=n)
    noise[0] = noise[0] / math.sqrt(1 - phi**2) if start is None else start
    return np.asarray(signal.lfilter([1.0], [1.0, -phi], noise))


def mm1_waits(generator: np.random.Generator, n: int, load: float) -> Array:
    """What each customer of M/M/1 with services of mean 1 waits, from an empty queue on, by Lindley's recursion."""
    steps = np.cumsum(generator.exponential(1.0, n) - generator.exponential(1 / load, n))
    walk = np.concatenate([[0.0], steps])
    return np.asarray(walk - np.minimum.accumulate(walk))


def after_warm_up(series: Array) -> Interval:
    """Batch means of what MSER-5 leaves."""
    return batch_means_interval(series[mser5(series) :])


def stopped(rule: Precision, values: Array, step: int | None = None) -> Interval:
    """The interval when the rule stops, asked after each ``step`` runs or as it says itself."""
    n = 0
    while more := rule.more(values[:n]):
        n += min(more, step or more) if n else more
    return rule.interval(values[:n])


def correlated(generator: np.random.Generator, n: int) -> Array:
    """Pairs (n, 2) whose seeds give both of them the same exponential time, and normal noise of their own."""
    return generator.exponential(5.0, (n, 1)) + generator.normal([1.0, 0.0], [0.5, 1.0], (n, 2))


def apart(generator: np.random.Generator, n: int) -> Array:
    """Pairs (n, 2) that have nothing in common."""
    return generator.normal([1.0, 0.0], [0.5, 1.0], (n, 2))


def near(generator: np.random.Generator, n: int, spread: float) -> Array:
    """Normal values with mean 1 and the standard deviation ``spread``."""
    return generator.normal(1.0, spread, n)


def times(generator: np.random.Generator, n: int, spread: float) -> Array:
    """Gamma values with mean 1 and the standard deviation ``spread``."""
    return generator.gamma(spread**-2, spread**2, n)


DISTRIBUTIONS: dict[str, tuple[Draw, float, Callable[[float], float]]] = {
    "normal": (lambda generator, n: generator.normal(3.0, 1.0, n), 3.0, lambda q: float(stats.norm.ppf(q, 3.0))),
    "uniform": (lambda generator, n: generator.uniform(0.0, 1.0, n), 0.5, lambda q: q),
    "lognormal": (
        lambda generator, n: generator.lognormal(0.0, 0.5, n),
        math.exp(0.125),
        lambda q: math.exp(0.5 * float(stats.norm.ppf(q))),
    ),
    "exponential": (lambda generator, n: generator.exponential(1.0, n), 1.0, lambda q: -math.log1p(-q)),
}


def means() -> Iterator[Case]:
    """Means of independent values."""
    for name, (draw, mean, _) in DISTRIBUTIONS.items():
        symmetric = name in ("normal", "uniform")
        for n in (5, 20, 100):
            yield Case("mean_interval", name, n, mean_interval, draw, mean, symmetric or n == 100)
        if not symmetric:
            for n in (5, 20, 100):
                yield Case("positive_mean_interval", name, n, positive_mean_interval, draw, mean, n == 100)
        for n in (10, 20, 100):
            interval = partial(bootstrap_mean_interval, resamples=RESAMPLES)
            claimed = n == 100 or (n == 20 and name != "uniform")
            yield Case("bootstrap_mean_interval", name, n, interval, draw, mean, claimed)


def quantiles() -> Iterator[Case]:
    """Quantiles of independent values."""
    for name in ("normal", "exponential"):
        draw, mean, quantile = DISTRIBUTIONS[name]
        symmetric = name == "normal"
        for q, numbers in ((0.5, (10, 20, 100)), (0.9, (20, 50, 100)), (0.99, (100, 500))):
            for n in numbers:
                interval = partial(quantile_interval, q=q)
                claimed = exact(n, q) < 0.965  # of few values no ranks are nearer to 95 %
                yield Case(f"quantile_interval {q:g}", name, n, interval, draw, quantile(q), claimed)
        median = partial(bootstrap_interval, resamples=RESAMPLES)
        yield Case("bootstrap_interval median", name, 40, median, draw, quantile(0.5))
        bca = partial(bootstrap_interval, statistic=np.mean, method="BCa", resamples=RESAMPLES)
        for n in (10, 50):
            yield Case("bootstrap_interval mean, BCa", name, n, bca, draw, mean, n == 50 and symmetric)


def exact(n: int, q: float) -> float:
    """How often the quantile interval covers, by the binomial distribution of ranks."""
    found = quantile_interval(np.arange(1, n + 1), q)
    low = found.low if math.isfinite(found.low) else 0
    high = found.high if math.isfinite(found.high) else n + 1
    return float(stats.binom.cdf(high - 1, n, q) - stats.binom.cdf(low - 1, n, q))


def others() -> Iterator[Case]:
    """Differences, sequential stopping and steady states."""
    for n in (5, 20):
        yield Case("paired_difference", "common seeds", n, paired(paired_difference), correlated, 1.0)

    def welch(pairs: Array) -> Interval:
        return variance_reduction(pairs[:, 0], pairs[:, 1]).unpaired

    yield Case("unpaired (Welch)", "separate seeds", 20, welch, apart, 1.0)
    yield Case("unpaired (Welch)", "common seeds", 20, welch, correlated, 1.0, claimed=False)
    for spread in (0.03, 0.05, 0.1, 0.15):
        rule = partial(stopped, Precision())
        yield Case("Precision, 2 %", f"normal, spread {spread:g}", 500, rule, partial(near, spread=spread), 1.0)
        yield Case("Precision, 2 %", f"gamma, spread {spread:g}", 500, rule, partial(times, spread=spread), 1.0)
    one = partial(stopped, Precision(), step=1)
    yield Case("Precision, one by one", "normal, spread 0.05", 500, one, partial(near, spread=0.05), 1.0)
    hasty, draw = partial(stopped, Precision(at_least=5), step=1), partial(near, spread=0.05)
    yield Case("Precision, one by one from 5", "normal, spread 0.05", 500, hasty, draw, 1.0, claimed=False)
    for phi, numbers in ((0.0, (100, 1000)), (0.5, (200, 1000, 5000)), (0.9, (200, 1000, 5000))):
        for n in numbers:
            claimed = n >= 400 / (1 - phi)
            series = partial(ar1, phi=phi)
            yield Case("batch_means_interval", f"AR(1), φ = {phi:g}", n, batch_means_interval, series, 0.0, claimed)
    for load, n in ((0.5, 2000), (0.5, 20_000), (0.8, 5000), (0.8, 100_000)):
        waits = partial(mm1_waits, load=load)
        truth = load / (1 - load)
        yield Case("batch_means_interval", f"M/M/1, ρ = {load:g}", n, batch_means_interval, waits, truth, n >= 20_000)
    cold = partial(ar1, phi=0.8, start=200.0)
    yield Case("mser5, then batch_means_interval", "AR(1), φ = 0.8, from 200", 5000, after_warm_up, cold, 0.0)
    yield Case("batch_means_interval", "AR(1), φ = 0.8, from 200", 5000, batch_means_interval, cold, 0.0, claimed=False)


CASES = [*means(), *quantiles(), *others()]


def main(trials: Annotated[int, typer.Option(help="How many samples of each.")] = 2000) -> None:
    """Print the table."""
    print("| method | distribution | n | coverage | 93 to 97 % claimed |\n|---|---|---|---|---|")
    for case in CASES:
        claimed = "yes" if case.claimed else "no"
        print(
            f"| {case.method} | {case.distribution} | {case.n} | {100 * case.coverage(trials):.1f} % | {claimed} |",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
