"""Data drifts as its papers say, by the number of a row, and is the same for the same seed."""

import math

import numpy as np
import pytest

from simcluster.learning import Bundled, RotatedLabels, RotatingHyperplane, Sea, arrays

DIGITS = Bundled(name="digits")
SOURCES = [RotatedLabels(data=DIGITS, rows=300, width=20, every=100), Sea(rows=300), RotatingHyperplane(rows=300)]


@pytest.mark.parametrize("source", SOURCES)
def test_it_is_the_same_for_the_same_seed_and_another_for_another(source):
    one, again, other = source.load(3), source.replace().load(3), source.load(4)

    np.testing.assert_array_equal(one.features, again.features)
    np.testing.assert_array_equal(one.targets, again.targets)
    assert not np.array_equal(one.features, other.features)
    assert len(one) == 300


def test_an_abrupt_concept_holds_for_so_many_rows_and_then_the_next():
    concepts = Sea(rows=1000, every=300).concepts(0)

    assert concepts.tolist() == [row // 300 for row in range(1000)]


def test_a_gradual_change_follows_the_sigmoid_of_moa():
    sea = Sea(rows=900, every=300, width=100)
    drawn = np.array([sea.concepts(seed) for seed in range(300)])
    assert set(np.unique(drawn)) == {0, 1, 2, 3}
    for row in (0, 250, 280, 300, 320, 350, 449):
        expected = 1 / (1 + math.exp(-4 * (row - 300) / 100))
        # Five deviations of a binomial share of 300: with fixed seeds it is not luck.
        assert abs(np.mean(drawn[:, row] == 1) - expected) < 5 * math.sqrt(max(expected * (1 - expected), 1e-4) / 300)
    assert np.mean(drawn[:, 600] == 2) == pytest.approx(0.5, abs=0.15)


def test_rotated_labels_are_those_of_the_data_and_one_further_with_each_concept():
    data = RotatedLabels(data=DIGITS, rows=500, every=200).load(1)
    known = {tuple(row): label for row, label in zip(DIGITS.load().features, DIGITS.load().targets, strict=True)}

    for number in range(500):
        assert data.targets[number] == (known[tuple(data.features[number])] + number // 200) % 10


def test_labels_of_sea_are_below_a_threshold_that_changes_and_some_are_wrong():
    clean, noisy = (Sea(rows=4000, every=1000, noise=noise).load(0) for noise in (0.0, 0.1))
    sums = 10 * (clean.features[:, 0] + clean.features[:, 1])
    thresholds = np.repeat([8.0, 9.0, 7.0, 9.5], 1000)

    np.testing.assert_array_equal(clean.targets, sums <= thresholds)
    np.testing.assert_array_equal(clean.features, noisy.features)
    # A share of 4000 with probability 0.1 has a deviation of 0.005.
    assert np.mean(clean.targets != noisy.targets) == pytest.approx(0.1, abs=0.02)


def test_a_hyperplane_has_turned_round_after_half_a_turn():
    plane = RotatingHyperplane(rows=2001, features=2, rows_per_turn=4000, noise=0.0)
    data = plane.load(0)
    middle = data.features - 0.5

    assert data.targets[0] == (middle[0, 0] >= 0)
    assert data.targets[1000] == (middle[1000, 1] >= 0)
    assert data.targets[2000] == (middle[2000, 0] <= 0)
    first, last = slice(0, 100), slice(1900, 2000)
    assert np.mean(data.targets[first] == (middle[first, 0] >= 0)) > 0.9
    assert np.mean(data.targets[last] == (middle[last, 0] >= 0)) < 0.1
    still = RotatingHyperplane(rows=500, features=3, rows_per_turn=1e12, noise=0.0).load(0)
    np.testing.assert_array_equal(still.targets, still.features[:, 0] + still.features[:, 2] >= 1.0)


def test_numbers_have_no_labels_that_could_rotate():
    with pytest.raises(ValueError, match="rotated_labels needs labels, got targets that are none"):
        RotatedLabels(data=arrays([[1.0], [2.0]], [0.5, 1.5])).load(0)
