"""Closed forms of queueing theory agree with each other and with textbook numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.measurement.queueing import (
    choices_sojourn_s_mean,
    erlang_c,
    mm1_sojourn_s_mean,
    mm1_sojourn_s_percentile,
    mmc_sojourn_s_mean,
    offered_load,
    sojourn_percentiles,
)

LOADS = st.floats(0.01, 0.99)


@given(LOADS, st.floats(0.1, 100))
def test_one_server_and_one_choice_are_mm1(load, rate):
    expected = mm1_sojourn_s_mean(load * rate, rate)

    assert mmc_sojourn_s_mean(load * rate, rate, 1) == pytest.approx(expected)
    assert choices_sojourn_s_mean(load, rate, 1) == pytest.approx(expected)
    assert erlang_c(load * rate, rate, 1) == pytest.approx(load)


@given(LOADS, st.integers(1, 40))
def test_erlang_c_is_the_sum_that_defines_it(load, servers):
    offered = load * servers
    last = offered**servers / math.factorial(servers) / (1 - load)
    total = sum(offered**k / math.factorial(k) for k in range(servers)) + last

    assert erlang_c(offered, 1.0, servers) == pytest.approx(last / total)


def test_a_thousand_servers_do_not_overflow():
    assert 0 < erlang_c(990.0, 1.0, 1000) < 1


@given(st.floats(0.01, 0.95), st.integers(1, 4))
def test_choices_obey_the_fixed_point_and_little_s_law(load, choices):
    """s(i+1) = ρ s(i)^d is the share of queues with more than i customers; their mean is ρ times the sojourn time."""
    shares = [load]
    while shares[-1] > 1e-16:
        shares.append(load * shares[-1] ** choices)

    assert choices_sojourn_s_mean(load, 2.0, choices) == pytest.approx(math.fsum(shares) / (2.0 * load))


def test_at_load_0_99_two_choices_are_eighteen_times_faster_than_one():
    one, two = (choices_sojourn_s_mean(0.99, 1.0, choices) for choices in (1, 2))

    assert one / two == pytest.approx(18.4, abs=0.05)


@given(LOADS)
def test_more_choices_never_hurt(load):
    times = [choices_sojourn_s_mean(load, 1.0, choices) for choices in (1, 2, 3, 5)]

    assert times == sorted(times, reverse=True)
    assert times[-1] >= 1


def test_the_median_of_mm1_is_ln_2_means():
    assert mm1_sojourn_s_percentile(1.0, 2.0, 50) == pytest.approx(math.log(2))
    assert mm1_sojourn_s_percentile(1.0, 2.0, 0) == 0


def test_percentiles_leave_the_warm_up_out():
    sojourns_s = np.r_[np.full(10, 1e6), np.arange(91)]

    assert sojourn_percentiles(sojourns_s, (0, 50, 100), warm_up=0.1) == {0: 0.0, 50: 45.0, 100: 90.0}
    assert sojourn_percentiles(sojourns_s, (100,), warm_up=0.0) == {100: 1e6}
    assert sojourn_percentiles(sojourns_s) == pytest.approx({50: 45.0, 95: 85.5, 99: 89.1})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mm1_sojourn_s_mean(2.0, 2.0), "offered load must be less than 1, got 1.0"),
        (lambda: mm1_sojourn_s_mean(-1.0, 2.0), "arrivals_per_s must be finite and greater than 0, got -1.0"),
        (lambda: mm1_sojourn_s_mean(1.0, math.nan), "services_per_s must be finite and greater than 0, got nan"),
        (lambda: mm1_sojourn_s_mean(1.0, math.inf), "services_per_s must be finite and greater than 0, got inf"),
        (lambda: offered_load(1.0, 2.0, 0), "servers must be at least 1, got 0"),
        (lambda: choices_sojourn_s_mean(0.5, 1.0, 0), "choices must be at least 1, got 0"),
        (lambda: mm1_sojourn_s_percentile(1.0, 2.0, 100), r"percentile must be within \[0, 100\), got 100"),
        (lambda: sojourn_percentiles([]), "at least 1 sojourn time, got 0"),
        (lambda: sojourn_percentiles([1.0], warm_up=1.0), r"warm_up must be within \[0, 1\), got 1.0"),
        (lambda: sojourn_percentiles([1.0], warm_up=-0.01), r"warm_up must be within \[0, 1\), got -0.01"),
    ],
)
def test_what_no_queue_can_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
