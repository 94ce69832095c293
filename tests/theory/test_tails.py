"""What is known of tails, retries and queues that shed, without a cluster."""

import math

import numpy as np
import pytest

from simcluster.engine import stream
from simcluster.measurement.tails import any_slow, hedged_survival, retry_amplification
from simcluster.serving.resilience import (
    CoDel,
    DecorrelatedJitter,
    ExponentialBackoff,
    FullJitter,
    Quantile,
    ServerQueue,
)
from tests.serving.line import Line, Waits

pytestmark = pytest.mark.theory


def test_of_a_hundred_leaves_one_is_slower_than_its_99th_percentile_in_63_percent_of_queries():
    assert any_slow(100, 0.99) == pytest.approx(0.634, abs=5e-4)  # Dean and Barroso, 2013
    assert any_slow(2000, 0.9999) == pytest.approx(0.18, abs=5e-3)  # "nearly one in five", as they say


def test_a_hedge_after_a_quantile_of_exponential_times_has_the_tail_of_both_copies():
    mean_s, share = 0.01, 0.95
    delay_s = -mean_s * math.log(1 - share)
    draws = stream(1, "leaves").exponential(mean_s, (2, 400_000))
    hedged_s = np.minimum(draws[0], delay_s + draws[1])

    for time_s in (0.5 * delay_s, 1.2 * delay_s, 1.5 * delay_s):
        expected = hedged_survival(lambda t: math.exp(-t / mean_s), delay_s, time_s)
        # Five standard errors of a share of 400,000 draws.
        assert np.mean(hedged_s > time_s) == pytest.approx(expected, abs=5 * math.sqrt(expected / 400_000))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_a_quantile_that_hears_hedged_calls_alone_comes_to_that_of_one_copy_and_sends_the_rest_twice(share):
    latencies, generator, twice = Quantile(share=share).begin(), stream(2, "hedges"), 0
    for call in range(30_000):
        first_s, second_s = generator.lognormal(0.0, 1.0, 2)
        delay_s = latencies.delay_s()
        hedges = delay_s is not None and first_s > delay_s
        twice += hedges and call >= 10_000
        latencies.heard(min(first_s, delay_s + second_s) if hedges else first_s)

    # Twenty windows of a thousand calls, each of whose quantiles is off by √(p(1−p)/1000) in probability: four errors.
    tolerance = 4 * math.sqrt(share * (1 - share)) * (1 / math.sqrt(20_000) + 1 / math.sqrt(20 * 1000))
    assert twice / 20_000 == pytest.approx(1 - share, abs=tolerance)


@pytest.mark.parametrize(("failure", "retries", "expected"), [(0.0, 5, 1.0), (0.5, 2, 1.75), (1.0, 3, 4.0)])
def test_retries_amplify_by_a_geometric_sum(failure, retries, expected):
    assert retry_amplification(failure, retries) == pytest.approx(expected)
    tries = np.minimum(stream(3).geometric(1 - failure, 100_000) if failure < 1 else np.full(9, 99), retries + 1)
    assert tries.mean() == pytest.approx(expected, abs=0.02)  # eight standard errors of 0.0025


def test_exponential_waits_come_together_and_those_with_jitter_are_spread_over_the_whole_time():
    generator, clients = stream(4), 2000
    waits = {
        kind: np.array([rule(4, 0.5, generator) for _ in range(clients)])
        for kind, rule in {
            "none": ExponentialBackoff(base_s=0.1),
            "full": FullJitter(base_s=0.1),
            "decorrelated": DecorrelatedJitter(base_s=0.1),
        }.items()
    }

    assert set(waits["none"]) == {0.8}
    # The most of 2,000 clients that come back in the same hundredth of the time: 20 of a uniform spread, in the mean.
    for kind, low_s, high_s in (("full", 0.0, 0.8), ("decorrelated", 0.1, 1.5)):
        counts, _ = np.histogram(waits[kind], bins=100, range=(low_s, high_s))
        assert counts.max() <= 20 + 5 * math.sqrt(20)
        # The mean of a uniform variable: five standard errors.
        spread_s = 5 * (high_s - low_s) / math.sqrt(12 * clients)
        assert waits[kind].mean() == pytest.approx((low_s + high_s) / 2, abs=spread_s)


def waits_of(shedding, seconds, load=1.2, service_s=0.001):
    """When a core began with each, and how long that had waited, where who is turned away asks more slowly.

    As TCP does, for which CoDel was made: a drop halves the rate of one of twenty who ask, an answer raises it.
    """
    line, generator, free_s = Line(ServerQueue(shedding=shedding)), stream(5, "arrivals"), 0.0
    rates, began = np.full(20, load / service_s / 20), []
    now_s = 0.0
    while now_s < seconds:
        now_s += generator.exponential(1 / rates.sum())
        while free_s <= now_s and len(line):
            taken, shed = line.take(free_s)
            for request in shed:
                rates[request.ident] /= 2
            if taken is None:
                break
            began.append((free_s, free_s - taken.came_s))
            free_s += generator.exponential(service_s)
            rates[taken.ident] = min(load / service_s / 20, rates[taken.ident] + 0.05)
        free_s = free_s if len(line) else max(free_s, now_s)
        line.put(Waits(int(generator.choice(20, p=rates / rates.sum())), now_s), 0, now_s)
    return np.array(began)


def test_codel_keeps_a_standing_queue_near_its_target_where_one_served_in_order_grows():
    short, grows = waits_of((CoDel(target_s=0.02, interval_s=0.2),), 30.0), waits_of((), 30.0)
    late_s, early_s = (grows[(grows[:, 0] > begin) & (grows[:, 0] < begin + 5), 1].mean() for begin in (25.0, 5.0))

    assert late_s > 2 * early_s
    assert early_s > 1.0
    assert np.percentile(short[short[:, 0] > 5, 1], 75) < 2 * 0.02
    assert len(short) > 0.85 * len(grows)
