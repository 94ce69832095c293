import math

import numpy as np
import pytest

from simcluster.measurement import first_time_at_most, on_grid


def test_a_value_holds_until_the_next_record():
    held = on_grid([1.0, 2.0, 4.0], [10.0, 5.0, 7.0], [0.5, 1.0, 1.9, 2.0, 3.0, 9.0])

    np.testing.assert_array_equal(held, [math.nan, 10, 10, 5, 5, 7])


def test_of_two_records_at_one_time_the_last_holds():
    assert on_grid([1.0, 1.0], [10.0, 5.0], [1.0]) == [5.0]


def test_the_first_time_at_most_a_target_is_a_recorded_time_or_never():
    assert first_time_at_most([1.0, 2.0, 3.0], [3.0, 1.0, 2.0], 2.0) == 2.0
    assert first_time_at_most([1.0, 2.0], [3.0, 1.0], 0.5) == math.inf


@pytest.mark.parametrize(
    ("times", "values", "rule"),
    [([1.0], [1.0, 2.0], "one and the same length"), ([2.0, 1.0], [1.0, 2.0], "must not fall")],
)
def test_curves_that_make_no_sense_are_refused(times, values, rule):
    with pytest.raises(ValueError, match=rule):
        on_grid(times, values, [0.0])
