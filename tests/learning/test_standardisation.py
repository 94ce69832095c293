"""Moments of shards, merged, are those of all rows, as scikit-learn's StandardScaler has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from simcluster.engine import stream
from simcluster.learning import Bundled, Moments, Rows, arrays, merged, moments, scaling

DIGITS = Bundled().load()
NOTHING = Moments(0.0, np.zeros(3), np.zeros(3))


def fitted(data, shards):
    return scaling(merged(moments(Rows(data, rows))() for rows in shards))


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(0, 99))
def test_any_split_standardises_as_scikit_learn_does_on_one_machine(count, seed):
    shards = np.array_split(stream(seed).permutation(len(DIGITS)), count)

    found, scaler = fitted(DIGITS, shards), StandardScaler().fit(DIGITS.features)

    np.testing.assert_allclose(found.mean, scaler.mean_, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.scale, scaler.scale_, rtol=1e-12)
    np.testing.assert_allclose(found.of(DIGITS.features), scaler.transform(DIGITS.features), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("count", [1, 7, 100])
def test_a_mean_that_is_large_beside_the_spread_costs_no_digits(count):
    spread = stream(0).standard_normal((100, 3))
    data = arrays(spread + 1e8, np.zeros(100))
    shifted = data.features - 1e8  # as it was stored, exactly

    found = fitted(data, np.array_split(np.arange(100), count))

    np.testing.assert_allclose(found.scale, shifted.std(axis=0), rtol=1e-8)
    by_the_textbook = (data.features**2).mean(axis=0) - data.features.mean(axis=0) ** 2
    assert not np.allclose(by_the_textbook, shifted.var(axis=0), rtol=0.1)


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, -1e15])
def test_a_constant_feature_is_shifted_and_not_divided_whatever_the_split(constant):
    data = arrays(np.full((90, 1), constant), np.zeros(90))

    for count in (1, 7, 90):
        found = fitted(data, np.array_split(np.arange(90), count))
        assert found.scale.tolist() == [1.0] == StandardScaler().fit(data.features).scale_.tolist()
        np.testing.assert_allclose(found.of(data.features), 0, atol=1e-13 * abs(constant))


def test_an_empty_shard_says_nothing_and_none_is_refused():
    data = arrays(np.arange(6.0).reshape(2, 3), np.zeros(2))
    rows, empty = Rows(data, np.arange(2)), Rows(data, np.arange(0))

    one, with_empty = merged([moments(rows)()]), merged([moments(part)() for part in (empty, rows, empty)])

    assert one.rows == with_empty.rows == 2
    np.testing.assert_array_equal(one.squares, with_empty.squares)
    for nothing in ([], [NOTHING, NOTHING]):
        with pytest.raises(ValueError, match="moments must be of at least one row, got none"):
            merged(nothing)


def test_the_cost_counts_two_passes():
    assert moments(DIGITS.all).cost.flops == 4 * 1797 * 64
    assert moments(DIGITS.all).cost.bytes == 16 * 1798 * 64


@pytest.mark.parametrize("value", [0.1, -7.3, 1e10 / 3])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_constant_feature_becomes_0_to_the_last_bit(value, parts):
    data = arrays(np.full((50, 1), value), np.zeros(50))
    shards = [Rows(data, rows) for rows in np.array_split(np.arange(50), parts)]
    fitted = scaling(merged(moments(rows)() for rows in shards))

    assert not fitted.of(data.features).any()


@pytest.mark.parametrize("factor", [1e160, 1e-170])
def test_features_whose_squares_are_no_numbers_are_refused(factor):
    data = arrays(np.array([[1.0], [2.0], [4.0]]) * factor, np.zeros(3))

    with pytest.raises(ValueError, match="deviations from the mean must have squares that are numbers above 0"):
        moments(data.all)()


def test_a_spread_that_rounding_makes_of_a_great_mean_is_none():
    # (1000 rows · 10^6 · ε)² is 5e-14: variances of 1e-20 and of 1e-12 are below and above it.
    found = scaling(Moments(1000.0, np.array([1e6, 1e6]), np.array([1e-17, 1e-9])))

    np.testing.assert_allclose(found.scale, [1.0, 1e-6], rtol=1e-12)
