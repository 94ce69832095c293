"""A 95 % interval covers the truth in 93 to 97 % of 2,000 trials, wherever its method claims to.

The standard error of a share of 2,000 trials is 0.5 %: 93 and 97 % are four of them from 95.
"""

from pathlib import Path

import numpy as np
import pytest
from sobol import BOUNDS, INDICES, factorial, factorial_indices, ishigami

from benchmarks.coverage import CASES, exact
from simcluster.engine import stream
from simcluster.measurement import quantile_interval, ranking, saltelli_design, sensitivity, sobol_indices

TRIALS = 2000
CLAIMED = [case for case in CASES if case.claimed]
PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


def named(case):
    """A case with its name; one that draws thousands of samples in each trial takes a minute or more."""
    resampled = any(word in case.method for word in ("bootstrap", "BCa", "Precision"))
    marks = [pytest.mark.slow, *([pytest.mark.long] if resampled else [])]
    return pytest.param(case, id=f"{case.method} {case.distribution} {case.n}", marks=marks)


@pytest.mark.parametrize("case", [named(case) for case in CLAIMED])
def test_an_interval_covers_the_truth_as_often_as_it_says(case):
    assert 0.93 <= case.coverage(TRIALS) <= 0.97


def test_the_page_on_statistics_has_the_table_of_coverage_and_it_keeps_the_claims():
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if " % | " in line]
    claims = {True: "yes", False: "no"}

    assert [(*row[:3], row[4]) for row in rows] == [
        (case.method, case.distribution, str(case.n), claims[case.claimed]) for case in CASES
    ]
    assert all(93 <= float(row[3].removesuffix(" %")) <= 97 for row in rows if row[4] == "yes")
    assert any(float(row[3].removesuffix(" %")) < 92 for row in rows if row[4] == "no")


@pytest.mark.parametrize(("n", "q"), [(6, 0.5), (20, 0.5), (34, 0.9), (100, 0.9), (377, 0.99), (15, 0.9)])
def test_a_quantile_interval_covers_at_least_as_often_as_it_says_by_the_binomial_distribution(n, q):
    draws = stream(4, "quantile").uniform(size=(TRIALS, n))
    covered = sum(q in quantile_interval(row, q) for row in draws) / TRIALS

    assert exact(n, q) >= 0.95
    assert covered == pytest.approx(exact(n, q), abs=0.015)  # three standard errors


@pytest.mark.long
def test_the_intervals_of_sobol_indices_cover_those_of_ishigamis_function():
    points, replicates = 64, 8
    design = saltelli_design(BOUNDS, points, replicates * TRIALS, seed=3)
    outputs = ishigami(design[list(BOUNDS)].to_numpy())
    size = replicates * points * (len(BOUNDS) + 2)
    covered = np.zeros((2, len(BOUNDS)))
    for start in range(0, len(design), size):
        rows = slice(start, start + size)
        found = sobol_indices(design.iloc[rows], outputs[rows])
        covered += covers(found, INDICES)

    # The sum of few points of a function like this is not quite normal: the total index of y covers 97.3 %.
    assert np.all((covered / TRIALS >= 0.93) & (covered / TRIALS <= 0.98))
    assert 0.93 <= covered.mean() / TRIALS <= 0.97


@pytest.mark.long
def test_the_intervals_of_a_factorial_study_cover_the_indices_of_its_grid():
    generator, covered = stream(5, "factorial"), np.zeros((2, 3))
    for _ in range(TRIALS):
        frame = factorial(generator, seeds=10, noise=0.5)
        covered += covers(sensitivity(frame, ("x", "y", "idle"), "metric"), factorial_indices())

    covered /= TRIALS
    assert covered[1, 2] >= 0.95  # the total index of an idle parameter is noise squared: covered too often
    covered[1, 2] = 0.95
    assert np.all((covered >= 0.93) & (covered <= 0.97))


def covers(found, truth):
    low, high = found[["first_order_low", "total_low"]], found[["first_order_high", "total_high"]]
    return (truth >= low.to_numpy().T) & (truth <= high.to_numpy().T)


@pytest.mark.long
@pytest.mark.parametrize("strategies", [3, 6])
def test_among_equal_strategies_any_two_are_told_apart_no_more_often_than_promised(strategies):
    draws = stream(6, "null").normal(size=(TRIALS, strategies, 8)) + stream(6, "seeds").normal(size=(TRIALS, 1, 8))
    wrong = sum(any(pair.differ for pair in ranked(each).pairs) for each in draws) / TRIALS

    assert 0.015 <= wrong <= 0.05 + 0.015  # three standard errors above; and not for it never tells anything apart


@pytest.mark.long
def test_one_strategy_that_differs_is_found_and_the_equal_ones_are_still_not_told_apart():
    draws = stream(7, "alternative").normal(size=(TRIALS, 4, 10))
    draws[:, 0] -= 3.0
    rankings = [ranked(each) for each in draws]
    found = sum(each.winner == "0" for each in rankings) / TRIALS
    wrong = sum(any(pair.differ and pair.ahead != "0" for pair in each.pairs) for each in rankings) / TRIALS

    assert found >= 0.9
    assert wrong <= 0.05 + 0.015


def ranked(samples):
    return ranking({str(place): sample for place, sample in enumerate(samples)})
