"""Prequential means are those of Gama, Sebastião & Rodrigues (2013), and all three agree where nothing changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import stream
from simcluster.measurement import prequential

RIGHT = st.lists(st.integers(0, 1), min_size=1, max_size=60)


@given(RIGHT, st.integers(1, 70), st.floats(0.5, 1.0))
def test_of_single_rows_they_are_the_formulas_of_the_paper(right, window, fading):
    ones = np.ones(len(right))
    for i in range(1, len(right) + 1):
        seen, newest = np.array(right[:i]), np.array(right[max(0, i - window) : i])
        weights = fading ** np.arange(i - 1, -1, -1.0)
        assert prequential(right, ones)[i - 1] == seen.sum() / i
        assert prequential(right, ones, window=window)[i - 1] == newest.sum() / len(newest)
        # Powers against products: each of at most 60 roundings is 1.1e-16 of the whole.
        assert prequential(right, ones, fading=fading)[i - 1] == pytest.approx(
            weights @ seen / weights.sum(), rel=1e-13
        )


def test_a_window_holds_so_many_rows_and_of_a_batch_that_is_partly_in_it_each_counts_its_mean():
    totals, rows = [4, 1, 2, 9], [4, 2, 3, 10]

    np.testing.assert_array_equal(prequential(totals, rows, window=5), [1.0, 4 / 5, 3 / 5, 0.9])
    wide = [1, 5 / 6, 7 / 9, (9 + 2 + 1 / 2) / 14]
    np.testing.assert_allclose(prequential(totals, rows, window=14), wide, rtol=1e-15)
    np.testing.assert_array_equal(prequential(totals, rows, window=1000), np.cumsum(totals) / np.cumsum(rows))


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=20), st.integers(1, 60))
def test_a_window_is_that_of_rows_which_each_count_the_mean_of_their_batch(batches, window):
    counts, totals = zip(*batches, strict=True)
    each = np.concatenate([np.full(count, total / count) for count, total in batches])

    found = prequential(totals, counts, window=window)

    expected = [each[max(0, end - window) : end].mean() for end in np.cumsum(counts)]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_rows_of_a_batch_fade_alike_and_a_batch_fades_what_was_before_it_by_its_rows():
    found = prequential([3.0, 0.0], [4, 2], fading=0.9)

    assert found.tolist() == [0.75, pytest.approx(0.81 * 3 / (0.81 * 4 + 2), rel=1e-15)]


def test_after_a_change_window_and_fading_forget_and_the_mean_over_all_does_not():
    generator, ones = stream(0), np.ones(4000)
    right = np.concatenate([generator.random(2000) < 0.9, generator.random(2000) < 0.5])

    after = 3500
    assert prequential(right, ones)[after] == pytest.approx((0.9 * 2000 + 0.5 * 1500) / 3500, abs=0.03)
    for options in ({"window": 500}, {"fading": 0.995}):
        assert prequential(right, ones, **options)[after] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (([1.0], [1, 2]), {}, "one and the same length"),
        (([1.0], [0]), {}, "rows must be at least 1 in each batch, got 0"),
        (([1.0], [1]), {"fading": 0.0}, r"fading must be within \(0, 1\], got 0"),
        (([1.0], [1]), {"window": 0}, "window must be at least 1, got 0"),
        (([1.0], [1]), {"window": 3, "fading": 0.5}, "fading must be 1 with a window"),
    ],
)
def test_what_makes_no_sense_is_refused(given, options, message):
    with pytest.raises(ValueError, match=message):
        prequential(*given, **options)


def test_of_no_batches_there_is_no_mean():
    assert prequential([], []).shape == prequential([], [], window=3).shape == (0,)
