"""What theory says of retries, hedges, queues that turn away and tails comes out on the simulated cluster."""

import math
from collections import Counter

import numpy as np
import pytest

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Constant, Exponential
from simcluster.measurement.tails import any_slow, hedged_survival, retry_amplification
from simcluster.serving import At, Poisson, ServiceJob
from simcluster.serving.resilience import (
    After,
    CoDel,
    Hedge,
    LengthLimit,
    Quantile,
    Retry,
    ServerQueue,
    TokenBucket,
    at_once,
)
from simcluster.serving.services import Synthetic

pytestmark = pytest.mark.theory

INSTANT = NetworkSpec(latency=Constant(value=0.0), bandwidth_bytes_per_s=1e15)
KINDS = ("query", "query_failed", "attempt", "shed")


def served(servers, seed=0, network=INSTANT, cores=1, kinds=KINDS, **fields):
    """Queries whose computations are each exponential with a mean of 10 ms, whatever others of the query take."""
    machines = nodes("r", servers, cores=cores, jitter=Exponential(mean=1.0))
    cluster = ClusterSpec(nodes=(NodeSpec(name="f"), *machines), network=network)
    given = {"service": Synthetic(demand_s=Constant(value=0.01)), "front_end": "f", "balancer": "random"}
    job = ServiceJob(servers=cluster.names[1:], **{**given, **fields})
    result = run(Scenario(cluster=cluster, job=job, horizon_s=1e5, trace_kinds=kinds), seed)
    assert result.ended == "finished"
    return result


def erlang_b(servers, offered):
    """1/B = Σ over k of c!/(c−k)! / aᵏ: written as the sum, so that nothing is shared with the recursion."""
    return 1 / math.fsum(math.perm(servers, k) / offered**k for k in range(servers + 1))


@pytest.mark.parametrize(("cores", "waiting", "load"), [(1, 0, 0.8), (4, 0, 0.8), (1, 3, 0.9), (2, 4, 1.5)])
def test_a_queue_with_a_limit_turns_away_as_many_as_mmck_says(cores, waiting, load):
    queries, offered = 20_000, load * cores
    result = served(
        1, cores=cores, arrivals=Poisson(per_s=100 * offered), queries=queries,
        queue=ServerQueue(shedding=(LengthLimit(waiting=waiting),)),
    )  # fmt: skip
    shed = sum(row["cause"] == "queue_full" for row in result.trace.rows("query_failed"))

    if waiting:  # pₙ ∝ aⁿ/n! up to c, then ∝ ρ each
        weights = [offered**n / math.factorial(n) for n in range(cores + 1)]
        weights += [weights[-1] * load**n for n in range(1, waiting + 1)]
        expected = weights[-1] / math.fsum(weights)
    else:
        expected = erlang_b(cores, offered)
    # Losses come in clusters: their variance is less than (1 + 2a)/(1 − p) times that of a coin; five errors of it.
    error = math.sqrt(expected * (1 - expected) * (1 + 2 * (offered + waiting)) / queries)
    assert shed / queries == pytest.approx(expected, abs=5 * error)


def alone(calls, gap_s=0.5):
    """Queries so far from each other that none meets another one."""
    return {"arrivals": At(times_s=tuple(gap_s * (n + 1) for n in range(calls))), "queries": calls}


def test_the_slowest_of_a_hundred_shards_is_above_the_99th_percentile_of_one_in_63_percent_of_queries():
    queries = 400
    result = served(100, shards=100, **alone(queries))
    slow = sum(row["sojourn_s"] > -0.01 * math.log(0.01) for row in result.trace.rows("query"))

    expected = any_slow(100, 0.99)
    assert expected == pytest.approx(0.634, abs=5e-4)
    assert slow / queries == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / queries))


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_hedging_at_a_quantile_adds_a_load_of_one_less_it_and_the_tail_is_that_of_both(share):
    queries, mean_s = 10_000, 0.01
    result = served(2, resilience=(Hedge(delay=Quantile(share=share, least=100)),), **alone(queries))
    sojourns_s = np.array([row["sojourn_s"] for row in result.trace.rows("query")])  # in the order of arrival
    hedges = sum(row["why"] == "hedge" for row in result.trace.rows("attempt"))

    # The quantile itself is estimated from a thousand calls at a time: see test_tails.
    tolerance = 4 * math.sqrt(share * (1 - share)) * (1 / math.sqrt(queries) + 1 / math.sqrt(10 * 1000))
    assert hedges / queries == pytest.approx(1 - share, abs=tolerance)
    delay_s = -mean_s * math.log(1 - share)
    for time_s in (delay_s + 0.5 * mean_s, delay_s + mean_s):
        expected = hedged_survival(lambda t: math.exp(-t / mean_s), delay_s, time_s)
        assert np.mean(sojourns_s[1000:] > time_s) == pytest.approx(expected, abs=tolerance)
    # The 99.9th percentile of one copy is 69 ms; of two it is where S(t) S(t − q) = 0.001.
    tail_s = (mean_s * math.log(1000) + delay_s) / 2
    assert np.quantile(sojourns_s[1000:], 0.999) == pytest.approx(tail_s, rel=0.15)


@pytest.mark.parametrize(("loss", "retries"), [(0.1, 2), (0.3, 4)])
def test_retries_amplify_as_a_geometric_series_of_what_fails(loss, retries):
    queries, failure = 5000, 1 - (1 - loss) ** 2  # a request and its reply
    result = served(
        3, network=INSTANT.replace(loss_probability=loss), timeout_s=0.3,
        resilience=(Retry(attempts=retries + 1, backoff=at_once),), **alone(queries, gap_s=2.0),
    )  # fmt: skip
    expected = retry_amplification(failure, retries)
    deviation = math.sqrt(failure) * (retries + 1) / 2  # at most: a number within [1, r + 1], 1 but for the share f

    assert result.metrics["amplification"] == pytest.approx(expected, abs=4 * deviation / math.sqrt(queries))
    unanswered = sum(1 for _ in result.trace.rows("query_failed"))
    lost = failure ** (retries + 1)
    assert unanswered / queries == pytest.approx(lost, abs=4 * math.sqrt(lost / queries) + 1e-3)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_budget_bounds_the_amplification_of_a_service_that_is_gone_altogether(share):
    budget = TokenBucket(share=share)
    policies = (Retry(attempts=4, backoff=at_once, budget=budget),)
    result = served(
        3, network=INSTANT.replace(loss_probability=1.0), timeout_s=0.01, resilience=policies, **alone(300),
    )  # fmt: skip
    without = served(
        3, network=INSTANT.replace(loss_probability=1.0), timeout_s=0.01,
        resilience=(Retry(attempts=4, backoff=at_once),), **alone(300),
    )  # fmt: skip

    assert result.metrics["amplification"] == pytest.approx(1 + share, abs=1 / 300)
    assert without.metrics["amplification"] == 4.0
    assert Counter(row["cause"] for row in result.trace.rows("query_failed")) == {"timed_out": 300}


def test_codel_keeps_a_standing_queue_of_patient_clients_short_where_one_served_in_order_stays_long():
    waits_s = {}
    for name, shedding in {"fifo": (), "codel": (CoDel(target_s=0.02, interval_s=0.2),)}.items():
        result = served(
            1, arrivals=Poisson(per_s=110.0), queries=4000, queue=ServerQueue(shedding=shedding),
        )  # fmt: skip
        waits_s[name] = np.array([row["sojourn_s"] for row in result.trace.rows("query") if row["arrival_s"] > 10.0])

    # At a load of 1.1 a queue grows by a tenth of a second in each, to 3.6 s after 36; what is dropped makes room.
    assert waits_s["fifo"].max() > 2.5
    assert np.median(waits_s["codel"]) < 0.25
    assert len(waits_s["codel"]) > 0.85 * len(waits_s["fifo"])


def test_a_hedge_after_no_time_at_all_is_the_faster_of_two():
    result = served(2, resilience=(Hedge(delay=After(delay_s=0.0)),), **alone(4000))
    sojourns_s = [row["sojourn_s"] for row in result.trace.rows("query")]

    assert np.mean(sojourns_s) == pytest.approx(0.005, abs=5 * 0.005 / math.sqrt(4000))
