import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simcluster.engine import stream
from simcluster.measurement import (
    bootstrap_interval,
    interval_for,
    mean_interval,
    paired_difference,
    positive_mean_interval,
    verdict,
)

samples = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20)


@given(samples)
def test_the_mean_interval_is_that_of_scipy(values):
    found = mean_interval(values)
    if np.std(values) > 1e-6:  # of values that are nearer to each other SciPy itself loses the spread, and says so
        expected = stats.ttest_1samp(values, 0).confidence_interval()
        assert found.low == pytest.approx(expected.low, rel=1e-6, abs=1e-6)
        assert found.high == pytest.approx(expected.high, rel=1e-6, abs=1e-6)
    assert found.low <= found.estimate <= found.high


def test_the_mean_interval_covers_the_truth_as_often_as_it_says():
    draws = stream(1, "coverage").normal(3.0, 2.0, size=(2000, 5))
    covered = sum(3.0 in mean_interval(row) for row in draws) / len(draws)

    assert covered == pytest.approx(0.95, abs=0.015)


def test_one_value_says_nothing_about_the_spread():
    found = mean_interval([4.2])

    assert (found.estimate, found.low, found.high) == (4.2, -math.inf, math.inf)


@given(st.lists(st.floats(0, 1e100), min_size=2, max_size=20), st.floats(0.01, 0.9999))
def test_an_interval_of_what_is_never_negative_is_not_either_and_holds_the_mean(values, level):
    found = positive_mean_interval(values, level)

    assert 0 <= found.low <= found.estimate <= found.high
    assert found.estimate == mean_interval(values, level).estimate


def test_a_time_has_no_interval_below_zero():
    times_s = [180.0, 195.0, 220.0, 230.0, 1890.0]

    assert mean_interval(times_s).low < 0 < positive_mean_interval(times_s).low < 180


def test_of_values_that_are_near_each_other_both_intervals_are_alike():
    values = stream(6, "near").normal(100.0, 1.0, size=8)
    student, positive = mean_interval(values), positive_mean_interval(values)

    assert (positive.low, positive.high) == pytest.approx((student.low, student.high), rel=1e-4)


@pytest.mark.parametrize(
    ("draw", "truth", "covered"),
    [
        (lambda generator: generator.exponential(1.0, (4000, 5)), 1.0, 0.933),
        (lambda generator: generator.lognormal(0.0, 0.5, (4000, 5)), math.exp(0.125), 0.935),
        (lambda generator: generator.normal(5.0, 1.0, (4000, 5)), 5.0, 0.950),
    ],
)
def test_the_positive_interval_covers_the_truth_at_least_as_often_as_students(draw, truth, covered):
    # The shares are those of 400,000 samples; 0.012 is three standard errors of one share.
    draws = draw(stream(7, "positive"))
    positive = sum(truth in positive_mean_interval(row) for row in draws) / len(draws)
    student = sum(truth in mean_interval(row) for row in draws) / len(draws)

    assert positive == pytest.approx(covered, abs=0.012)
    assert positive > student - 0.003


def test_the_interval_fits_what_is_measured():
    assert interval_for([[1.0, math.nan], [0.0, 2.0]]) is positive_mean_interval
    assert interval_for([1.0, -1e-9]) is mean_interval


@given(samples, st.floats(1, 100))
def test_a_constant_difference_within_each_seed_is_certain_however_much_the_seeds_differ(a, by):
    found = paired_difference(np.asarray(a) + by, a)

    assert found.low == pytest.approx(by, abs=1e-6)
    assert found.high == pytest.approx(by, abs=1e-6)


def test_the_bootstrap_interval_of_a_median_is_repeatable_and_holds_it():
    values = stream(2, "values").exponential(size=40)

    found = bootstrap_interval(values)

    assert found == bootstrap_interval(values)
    assert found.low <= np.median(values) <= found.high


def test_no_winner_is_called_when_the_difference_may_be_zero():
    found = verdict({"a": [1.0, 2.0, 3.0], "b": [3.1, 2.1, 1.1]})

    assert found.best == "a"
    assert found.winner is None
    assert 0 in found.difference


def test_the_winner_is_best_in_the_direction_asked_for():
    values = {"a": [1.0, 1.1, 1.2], "b": [5.0, 5.2, 5.1], "c": [9.0, 9.1, 9.2]}

    assert verdict(values).winner == "a"
    assert verdict(values).runner_up == "b"
    assert verdict(values, lower_is_better=False).winner == "c"
    assert verdict({name: values[name] for name in "bca"}).winner == "a"
    assert verdict(values).difference.high < 0
    assert verdict(values).best_mean == positive_mean_interval(values["a"], 0.95)
    assert verdict(values).runner_up_mean == positive_mean_interval(values["b"], 0.95)


def test_a_winner_must_be_clear_of_every_rival_and_not_only_of_the_runner_up():
    steady_runner_up = [1.2, 1.2, 1.2]
    erratic_rival = [0.2, 5.0, 1.1]

    assert verdict({"a": [1.0, 1.0, 1.0], "b": steady_runner_up}).winner == "a"
    assert verdict({"a": [1.0, 1.0, 1.0], "b": steady_runner_up, "c": erratic_rival}).winner is None


def test_a_comparison_is_printed_as_a_sentence():
    values = {"a": [1.0, 1.1, 1.2], "b": [5.0, 5.2, 5.1]}

    assert f"{verdict(values)}" == repr(verdict(values)) == (
        "a is clearly best with 1.1 [0.878, 1.38], before b with 5.1 [4.86, 5.35]; the difference, paired by seed, is "
        "-4 [-4.25, -3.75] (95 % intervals)."
    )
    assert str(verdict({"a": [1.0, 9.0], "b": [2.0, 9.0]}, level=0.9)).startswith("There is no clear winner: a leads")


def test_one_seed_crowns_nobody():
    assert verdict({"a": [1.0], "b": [100.0]}).winner is None


@pytest.mark.parametrize(("strategies", "share"), [(2, 0.05), (3, 0.0)])
def test_of_equal_strategies_a_winner_is_called_no_more_often_than_promised(strategies, share):
    draws = stream(3, "equal").normal(size=(1000, strategies, 6))
    called = sum(verdict(dict(enumerate(each))).winner is not None for each in draws)

    assert called / len(draws) == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: mean_interval([]), "at least 1 number"),
        (lambda: mean_interval([1.0, math.nan]), "must be finite"),
        (lambda: mean_interval([1.0], level=1.0), r"level must be within \(0, 1\), got 1.0"),
        (lambda: mean_interval([1.0], level=0.0), r"level must be within \(0, 1\), got 0.0"),
        (lambda: positive_mean_interval([1.0, -2.0]), r"values must be at least 0, got \[ 1. -2.\]"),
        (lambda: paired_difference([1.0], [1.0, 2.0]), "equal numbers of values, got 1 and 2"),
        (lambda: verdict({"a": [1.0]}), "at least 2 strategies"),
    ],
)
def test_misuse_is_told_with_its_rule(call, rule):
    with pytest.raises(ValueError, match=rule):
        call()


def test_a_bootstrap_interval_is_wider_at_a_higher_level():
    values = stream(5, "level").normal(size=60)
    widths = [(found := bootstrap_interval(values, level=level)).high - found.low for level in (0.5, 0.8, 0.95, 0.99)]

    assert widths == sorted(widths)
    assert widths[3] > 1.5 * widths[1] > 0


def test_a_rival_among_many_must_be_beaten_at_a_sharper_level():
    # Against one rival the interval of a - b excludes 0 at 95 %; against ten it must at 99.5 %, and does not.
    differences = [1.0, 0.2, 0.9, 0.1, 1.1, 0.3]
    near = {"a": [0.0] * 6, "b": differences}
    far = {f"far-{place}": [50.0 + place + 0.1 * i for i in range(6)] for place in range(9)}

    assert verdict(near).winner == "a"
    assert 0 in paired_difference(near["a"], differences, 1 - 0.05 / 10)
    assert verdict({**near, **far}).winner is None
