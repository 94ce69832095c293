"""A histogram of times is as good as the times themselves, up to its relative error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import stream
from simcluster.measurement import TimeHistogram, percentile_over_seeds

TIMES = st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=60)


@given(TIMES, st.floats(0, 100), st.sampled_from([0.001, 0.01, 0.1, 0.5]))
def test_a_percentile_is_numpy_s_up_to_the_relative_error(times_s, percentile, error):
    exact = np.sort(times_s)[max(1, math.ceil(percentile / 100 * len(times_s))) - 1]

    assert TimeHistogram(times_s, error).percentile(percentile) == pytest.approx(exact, rel=error * (1 + 1e-9))


@given(st.lists(TIMES, min_size=1, max_size=5))
def test_what_is_merged_is_what_was_counted_in_one(runs):
    merged = TimeHistogram.merged(TimeHistogram(times_s) for times_s in runs)

    np.testing.assert_array_equal(merged.counts(), TimeHistogram(np.concatenate(runs)).counts())
    assert len(merged) == sum(map(len, runs))


def test_its_memory_is_that_of_its_buckets_however_much_is_counted():
    histogram = TimeHistogram()
    before = histogram.counts().nbytes
    for _ in range(10):
        histogram.add(stream(1).lognormal(0.0, 5.0, 10_000))

    assert histogram.counts().nbytes == before < 20_000
    assert len(histogram) == 100_000


def test_what_is_shorter_than_a_nanosecond_is_0_and_what_is_longer_than_1e9_s_counts_as_that():
    histogram = TimeHistogram([0.0, 1e-12, 1e30])

    assert [histogram.percentile(q) for q in (10, 60)] == [0.0, 0.0]
    assert histogram.percentile(100) == pytest.approx(1e9, rel=0.01)
    assert math.isnan(TimeHistogram().percentile(50))


def test_the_interval_of_a_percentile_over_seeds_covers_that_of_the_law():
    # Of 100 sets of eight runs at least 88 cover: 95 are expected, with a standard deviation of 2.2, and the bias of a
    # run's own percentile and of the buckets costs a little.
    truth, covered = -math.log(0.05), 0
    for trial in range(100):
        draws = stream(trial, "runs").exponential(1.0, (8, 400))
        covered += truth in percentile_over_seeds([TimeHistogram(each) for each in draws], 95)

    assert covered >= 88


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TimeHistogram(relative_error=0.0), r"relative_error must be within \(0, 1\), got 0.0"),
        (lambda: TimeHistogram([1.0, -2.0]), "times_s must be at least 0, got -2.0"),
        (lambda: TimeHistogram([math.nan]), "times_s must be at least 0, got nan"),
        (lambda: TimeHistogram([1.0]).percentile(101), r"percentile must be within \[0, 100\], got 101"),
        (lambda: TimeHistogram.merged([]), r"at least one, all of the same relative error, got \[\]"),
        (lambda: TimeHistogram.merged([TimeHistogram(), TimeHistogram((), 0.1)]), r"got \[0.01, 0.1\]"),
    ],
)
def test_what_cannot_be_counted_or_said_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
