"""Goodput counts answers in time, and a failure is metastable when it outlasts its trigger."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import Trace
from simcluster.measurement import Metastability, goodput, metastability
from simcluster.measurement.metrics import service_metrics


def answered(*queries):
    """A trace of queries that were answered at a time after a sojourn."""
    rows = [
        dict(time_s=at_s, kind="query", query=n, arrival_s=at_s - sojourn_s, sojourn_s=sojourn_s, attempts=2)
        for n, (at_s, sojourn_s) in enumerate(queries)
    ]
    return Trace.of(rows)


def test_an_answer_counts_in_the_bin_in_which_it_comes_if_it_is_in_time():
    begins, rates = goodput(answered((0.5, 0.1), (1.0, 0.1), (1.9, 5.0), (3.5, 0.2)), 1.0, deadline_s=1.0)

    assert begins.tolist() == [0.0, 1.0, 2.0]
    assert rates.tolist() == [1.0, 1.0, 0.0]  # the last, 3 to 3.5, is not whole
    assert goodput(answered((0.5, 0.1)), 0.5, end_s=2.0)[1].tolist() == [0.0, 2.0, 0.0, 0.0]


@given(st.integers(1, 500), st.integers(1, 1000))
def test_of_n_bins_of_a_decimal_length_n_are_whole(count, thousandths):
    assert len(goodput(answered(), thousandths / 1000, end_s=count * thousandths / 1000)[0]) == count


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bin_s": 0.0}, "bin_s must be finite and greater than 0, got 0.0"),
        ({"deadline_s": math.nan}, "deadline_s must be at least 0, got nan"),
        ({"end_s": math.inf}, "end_s must be finite and at least 0, got inf"),
        ({"end_s": -1.0}, "end_s must be finite and at least 0, got -1.0"),
    ],
)
def test_goodput_of_times_that_are_none_is_an_error(fields, message):
    with pytest.raises(ValueError, match=message):
        goodput(answered((0.5, 0.1)), **{"bin_s": 1.0, **fields})


@given(st.lists(st.tuples(st.floats(1, 50), st.floats(0, 1)), min_size=1), st.floats(0.1, 5), st.floats(0, 1))
def test_all_answers_in_time_are_in_some_bin(queries, bin_s, deadline_s):
    end_s = bin_s * math.ceil(51 / bin_s)
    _, rates = goodput(answered(*queries), bin_s, deadline_s, end_s=end_s)

    assert rates.sum() * bin_s == pytest.approx(sum(sojourn_s <= deadline_s for _, sojourn_s in queries))


def test_goodput_and_requests_per_query_are_among_the_figures_of_a_service():
    failed = dict(time_s=2.0, kind="query_failed", query=9, arrival_s=0.0, attempts=8, cause="timed_out")
    rows = [*answered((1.0, 0.5), (2.5, 0.5), (2.5, 2.0)).rows(), failed]
    found = service_metrics(Trace.of(rows), deadline_s=1.0)

    assert found["goodput_per_s"] == 1.0  # two in time, from 0.5 s to 2.5 s
    assert found["requests_per_query"] == (2 + 2 + 2 + 8) / 4
    assert found["queries_failed"] == 1


def rates(*each):
    return np.arange(len(each), dtype=float), np.array(each, dtype=float)


def test_goodput_that_stays_low_after_the_trigger_is_a_metastable_failure_and_one_that_comes_back_is_none():
    stays = metastability(*rates(10, 10, 2, 2, 1, 1, 1, 1), (2.0, 4.0), share=0.5, for_s=4.0)
    comes = metastability(*rates(10, 10, 2, 2, 1, 1, 5, 1), (2.0, 4.0), share=0.5, for_s=4.0)
    late = metastability(*rates(10, 10, 2, 2, 1, 1, 1, 5), (2.0, 4.0), share=0.5, for_s=3.0)

    assert stays == Metastability(before_per_s=10.0, low_s=4.0, recovered_s=None, failed=True)
    assert (comes.failed, comes.recovered_s, comes.low_s) == (False, 6.0, 2.0)
    assert (late.failed, late.recovered_s, late.low_s) == (True, 7.0, 3.0)


@given(st.lists(st.integers(0, 20), min_size=12, max_size=30), st.floats(0.1, 1), st.integers(1, 5))
def test_it_is_a_failure_if_and_only_if_each_bin_of_that_time_is_low(after, share, for_s):
    found = metastability(*rates(10, 10, 0, *after), (2.0, 3.0), share=share, for_s=for_s)

    assert found.failed == all(rate < 10 * share for rate in after[:for_s])


@pytest.mark.parametrize(
    ("trigger_s", "fields", "message"),
    [
        ((0.5, 1.0), {}, "there must be goodput before the trigger at 0.5 s"),
        ((2.0, 1.0), {}, "trigger_s must be when it began and when it ended"),
        ((2.0, 3.0), {"for_s": 4.0}, "goodput must be known for 4.0 s after the trigger, got 1.0 s"),
        ((2.0, 3.0), {"for_s": 0.0}, "for_s must be finite and greater than 0, got 0.0"),
        ((2.0, 3.0), {"for_s": math.nan}, "for_s must be finite and greater than 0, got nan"),
        ((2.0, 3.0), {"share": 0.0}, r"share must be within \(0, 1\], got 0.0"),
    ],
)
def test_what_cannot_be_judged_is_an_error(trigger_s, fields, message):
    with pytest.raises(ValueError, match=message):
        metastability(*rates(10, 10, 0, 10), trigger_s, **{"for_s": 1.0, **fields})
