import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sobol import BOUNDS, INDICES, factorial, factorial_indices, ishigami

from simcluster.engine import stream
from simcluster.measurement import (
    Precision,
    batch_correlation,
    batch_means_interval,
    bootstrap_interval,
    bootstrap_mean_interval,
    fewest_for_quantile,
    holm,
    mean_interval,
    mser5,
    paired_difference,
    quantile_interval,
    ranking,
    saltelli_design,
    sensitivity,
    sobol_indices,
    variance_reduction,
)

finite = st.floats(-1e6, 1e6)
BETTER = {"ring": [1.0, 1.2, 1.1, 1.3], "tree": [2.0, 2.1, 2.2, 2.3], "star": [1.05, 1.1, 1.25, 1.2]}


@given(st.lists(finite, min_size=1, max_size=60), st.floats(0.01, 0.99), st.floats(0.05, 0.999))
def test_a_quantile_interval_ends_on_values_or_nowhere_and_holds_the_estimate(values, q, level):
    found = quantile_interval(values, q, level)

    assert found.low in values or found.low == -math.inf
    assert found.high in values or found.high == math.inf
    assert found.low <= found.estimate <= found.high
    assert found.estimate == pytest.approx(np.quantile(values, q, method="weibull"), abs=1e-6)


@pytest.mark.parametrize("q", [0.05, 0.25, 0.5, 0.75, 0.9, 0.95])
def test_the_fewest_values_for_a_quantile_are_the_fewest_and_every_greater_number_suffices(q):
    fewest = fewest_for_quantile(q)
    found = [quantile_interval(np.arange(n), q) for n in range(1, 3 * fewest)]
    bounded = [math.isfinite(each.low) and math.isfinite(each.high) for each in found]

    assert bounded == [n >= fewest for n in range(1, 3 * fewest)]


def test_a_time_that_was_never_reached_counts_for_a_quantile_as_the_longest():
    times_s = [*range(1, 20), math.inf]

    assert math.isfinite(quantile_interval(times_s).high)
    assert quantile_interval(times_s, 0.9).high == math.inf


def test_the_corrected_bootstrap_of_skewed_values_reaches_further_up():
    values = stream(1, "skewed").exponential(size=30)
    plain, corrected = (bootstrap_interval(values, np.mean, method=method) for method in ("percentile", "BCa"))

    assert corrected.low > plain.low
    assert corrected.high > plain.high
    assert bootstrap_mean_interval(values).high > mean_interval(values).high


@given(st.lists(finite, min_size=3, max_size=30, unique=True), finite, st.floats(0.1, 10))
def test_a_bootstrap_interval_of_a_mean_moves_and_stretches_with_the_values(values, by, times):
    found = bootstrap_mean_interval(values, 0.8, resamples=99)
    moved = bootstrap_mean_interval(np.asarray(values) * times + by, 0.8, resamples=99)

    if np.ptp(values) > 1:  # else rounding decides
        assert moved.estimate == pytest.approx(found.estimate * times + by, rel=1e-6, abs=1e-3)
        assert moved.low <= moved.estimate <= moved.high or math.isinf(moved.low) or math.isinf(moved.high)


@given(st.floats(-0.9, 0.95))
def test_seeds_in_common_reduce_the_variance_by_one_over_one_minus_the_correlation(correlation):
    pairs = stream(2, "pairs").multivariate_normal([1.0, 0.0], [[1.0, correlation], [correlation, 1.0]], size=20_000)
    found = variance_reduction(pairs[:, 0], pairs[:, 1])

    assert found.correlation == pytest.approx(correlation, abs=0.03)
    assert found.factor == pytest.approx(1 / (1 - correlation), rel=0.05)
    assert found.paired == paired_difference(pairs[:, 0], pairs[:, 1])
    widths = [each.high - each.low for each in (found.unpaired, found.paired)]
    assert (widths[0] / widths[1]) ** 2 == pytest.approx(found.factor, rel=1e-3)


def test_the_unpaired_interval_is_that_of_scipy():
    a, b = stream(3, "welch").normal(size=(2, 12)) * [[1.0], [3.0]]
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval()

    assert (variance_reduction(a, b).unpaired.low, variance_reduction(a, b).unpaired.high) == pytest.approx(expected)


def test_a_difference_that_is_certain_has_an_infinite_reduction():
    assert variance_reduction([1.0, 5.0, 9.0], [0.0, 4.0, 8.0]).factor == math.inf
    assert variance_reduction([1.0] * 3, [2.0] * 3).factor == 1.0
    assert "times as many runs" in repr(variance_reduction([1.0, 5.0, 9.5], [0.0, 4.0, 8.0]))


@given(st.integers(0, 40), st.floats(-1e3, 1e3))
def test_the_warm_up_of_a_run_that_jumps_to_its_steady_state_ends_with_the_jump(batches, level):
    series = np.full(500, level)
    series[: 5 * batches] += 100.0

    assert mser5(series) == 5 * batches


def test_a_run_that_drifts_has_no_steady_state():
    with pytest.raises(ValueError, match=r"must settle in its first half, got a warm-up of .* of 500 values"):
        mser5(np.arange(500.0) ** 2)


def test_batch_means_of_single_batches_are_the_interval_of_their_means():
    series = stream(4, "batches").normal(size=103)

    assert batch_means_interval(series, 10) == mean_interval(series[3:].reshape(10, 10).mean(axis=1))


def test_batches_that_are_too_short_are_correlated():
    walk = np.cumsum(stream(5, "walk").normal(size=1000))

    assert batch_correlation(walk) > 0.5
    assert abs(batch_correlation(np.diff(walk))) < 0.5
    assert math.isnan(batch_correlation(np.ones(100)))
    assert math.isnan(batch_correlation(np.full(100, 0.1)))  # whose mean is not 0.1 to the last bit


@given(st.integers(0, 1000), st.floats(0.005, 0.3), st.floats(0.01, 0.2))
def test_a_rule_asks_for_runs_until_it_is_reached_or_they_run_out(seed, spread, relative):
    rule, values, n = Precision(relative=relative, at_most=200), stream(seed, "runs").normal(1.0, spread, 200), 0
    while more := rule.more(values[:n]):
        assert not n or not rule.reached(values[:n]) or n < rule.at_least
        n += more

    assert rule.at_least <= n <= rule.at_most
    assert rule.reached(values[:n]) or n == rule.at_most
    if rule.reached(values[:n]):
        found = rule.interval(values[:n])
        assert (found.high - found.estimate) <= relative * min(abs(found.low), abs(found.high))


def test_a_difference_near_zero_is_asked_for_an_absolute_precision():
    values = stream(6, "difference").normal(0.0, 1.0, 100)

    assert not Precision().reached(values)
    assert Precision(relative=None, absolute=0.25).reached(values)
    assert not Precision(relative=None, absolute=0.05).reached(values)


def test_strategies_that_cannot_be_told_apart_are_a_group_and_share_a_letter():
    found = ranking(BETTER)

    assert found.order == ("ring", "star", "tree") or found.order == ("star", "ring", "tree")
    assert found.winner is None
    assert {*found.may_be_best} == {"ring", "star"}
    assert [{*group} for group in found.groups] == [{"ring", "star"}, {"tree"}]
    assert repr(found).count("\n") == 4
    assert repr(found).splitlines()[1].endswith("a")
    assert repr(found).splitlines()[3].endswith("b")
    assert ranking(BETTER, lower_is_better=False).winner == "tree"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holms_adjustment_rejects_what_its_steps_reject(p_values):
    adjusted, ordered = holm(p_values), sorted(p_values)
    steps = [p <= 0.05 / (len(ordered) - place) for place, p in enumerate(ordered)]
    rejected = steps.index(False) if False in steps else len(steps)

    assert sum(p <= 0.05 for p in adjusted) in (rejected, sum(p <= ordered[rejected - 1] for p in p_values))
    assert all(one <= other for one, other in zip(p_values, adjusted, strict=True))


def test_sobol_indices_are_those_of_scipy_and_near_the_closed_form():
    design = saltelli_design(BOUNDS, points=256)
    outputs = ishigami(design[list(BOUNDS)].to_numpy())
    found = sobol_indices(design, outputs)
    a, b, *mixed = outputs.reshape(8, 5, 256).transpose(1, 0, 2).reshape(5, 1, -1)
    expected = stats.sobol_indices(func={"f_A": a, "f_B": b, "f_AB": np.stack(mixed)}, n=2048)

    assert found["first_order"].to_numpy() == pytest.approx(expected.first_order)
    assert found["total"].to_numpy() == pytest.approx(expected.total_order)
    assert np.allclose(found[["first_order", "total"]].to_numpy().T, INDICES, rtol=0, atol=0.05)


def test_a_factorial_study_without_noise_has_the_indices_of_its_grid():
    found = sensitivity(factorial(stream(7, "exact"), seeds=3, noise=0.0), ("x", "y", "idle"), "metric")

    assert np.allclose(found[["first_order", "total"]].to_numpy().T, factorial_indices(), rtol=0, atol=1e-12)
    assert found.index.tolist() == ["x", "y", "idle"]


def test_noise_is_taken_off_the_indices_of_a_factorial_study():
    generator = stream(8, "noise")
    frames = [factorial(generator, seeds=5, noise=1.0) for _ in range(40)]
    found = np.mean([sensitivity(frame, ("x", "y", "idle"), "metric")[["first_order", "total"]] for frame in frames], 0)

    assert np.allclose(found.T, factorial_indices(), rtol=0, atol=0.04)


FRAME = pd.DataFrame({"x": [1, 1, 1, 2, 2, 2], "seed": [0, 1, 2] * 2, "metric": [1.0, 2.0, 3.0, 4.0, 5.0, 7.0]})


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: mean_interval([1.0, math.nan, math.nan]), r"finite, got nan \(2 of 3 are not\).*longer horizon"),
        (lambda: quantile_interval([1.0, math.nan]), r"numbers, got nan \(1 of 2\)"),
        (lambda: quantile_interval([1.0], 1.0), r"q must be within \(0, 1\), got 1.0"),
        (lambda: bootstrap_interval([1.0, 2.0], method="t"), "method must be .*, got 't'"),
        (lambda: bootstrap_interval([1.0, 1.0, 1.0, 5.0], method="BCa"), "must differ when a value is left out, got 1"),
        (lambda: variance_reduction([1.0, 2.0], [1.0, 2.0]), "at least 3 pairs, got 2"),
        (lambda: mser5(np.ones(49)), "at least 50 values to find its warm-up, got 49"),
        (lambda: batch_means_interval(np.ones(39)), "at least 2 values for each of 20 batches, got 39"),
        (lambda: Precision(relative=None), "relative or absolute, got None for both"),
        (lambda: Precision(at_most=10), "at_most must be no fewer than at_least, got 10 and 20"),
        (lambda: ranking({"a": [1.0]}), r"at least 2 strategies, got \['a'\]"),
        (lambda: saltelli_design({}), "at least 1 parameter"),
        (lambda: saltelli_design({"x": (1.0, 1.0)}), r"finite and rise, got 'x': \(1.0, 1.0\)"),
        (lambda: saltelli_design({"x": (0.0, 1.0)}, 48), "a power of 2, got 48"),
        (lambda: sobol_indices(saltelli_design(BOUNDS, 2, 3), [1.0]), r"one for each of 30 rows .*, got \(1,\)"),
        (lambda: sensitivity(FRAME, ("y",), "metric"), "must have a column 'y'"),
        (lambda: sensitivity(FRAME[1:], ("x",), "metric"), "1 row for each seed, got 0 for x=1, seed=0"),
        (lambda: sensitivity(FRAME[FRAME["seed"] < 2], ("x",), "metric"), "at least 3 seeds, got 2"),
        (lambda: sensitivity(FRAME.assign(metric=1.0), ("x",), "metric"), "must vary, got 1 in every run"),
        (lambda: sensitivity(FRAME.assign(metric=math.nan), ("x",), "metric"), r"finite, got nan \(6 of 6"),
    ],
)
def test_misuse_is_told_with_its_rule(call, rule):
    with pytest.raises(ValueError, match=rule):
        call()


def test_a_rule_asks_at_most_for_as_many_runs_again_and_either_precision_suffices():
    values = stream(9, "again").normal(100.0, 1.0, 20)

    assert Precision(relative=1e-6, at_most=10_000).more(values) == 20
    assert Precision(relative=1e-6, absolute=2.0).reached(values)
    assert Precision(relative=0.1, absolute=1e-6).reached(values)


def test_the_pairs_of_a_ranking_have_the_test_of_scipy_and_an_interval_for_all_of_them():
    found = ranking(BETTER)
    known = [stats.ttest_rel(BETTER[pair.ahead], BETTER[pair.behind]).pvalue for pair in found.pairs]

    assert [pair.p_value for pair in found.pairs] == pytest.approx(holm(known))
    for pair in found.pairs:
        assert pair.difference == paired_difference(BETTER[pair.ahead], BETTER[pair.behind], 1 - 0.05 / 3)
