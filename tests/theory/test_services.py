"""A service is the queue that its parts say: open, closed, in series, with room for few, and with choices.

Each agrees within four standard errors of batch means (one false alarm in 15,000, and the seeds are fixed), and each
error is at most 4 % of the mean, so that another queue would be told from it; where it says otherwise, it says why.
Hops take no time. Node by node the same laws are in tests/properties/test_queues.py.
"""

import math

import numpy as np
import pytest

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant, Exponential, Lognormal
from simcluster.measurement.queueing import choices_sojourn_s_mean, erlang_c
from simcluster.serving import (
    Closed,
    Deterministic,
    Poisson,
    QueueLimit,
    ServiceJob,
    Synthetic,
    power_of_two_choices,
    random,
)

pytestmark = pytest.mark.theory

AT_ONCE = NetworkSpec(latency=Constant(value=0.0))
OWN_TIME = Synthetic(demand_s=Constant(value=1.0))  # and what nodes make of it, each computation anew
EXPONENTIAL = Exponential(mean=1.0)


def served(machines, seed=0, queries=40_000, **fields):
    """The result of a service on these machines: no time on the wire, unit demand."""
    given = {"service": Synthetic(demand_s=EXPONENTIAL), "balancer": random, "queries": queries}
    job = ServiceJob(front_end="f", servers=[machine.name for machine in machines], **{**given, **fields})
    cluster = ClusterSpec(nodes=(NodeSpec(name="f"), *machines), network=AT_ONCE)
    kinds = ("query", "query_failed")
    return run(Scenario(cluster=cluster, job=job, horizon_s=1e7, trace_kinds=kinds), seed)


def batches(result, count=30):
    """Mean sojourn time and its standard error, without the first tenth."""
    rows = sorted(result.trace.rows("query"), key=lambda row: row["query"])
    sojourns_s = np.array([row["sojourn_s"] for row in rows])[len(rows) // 10 :]
    means = sojourns_s[: len(sojourns_s) // count * count].reshape(count, -1).mean(axis=1)
    return means.mean(), means.std(ddof=1) / math.sqrt(count)


def assert_agrees(result, theory_s):
    mean_s, error_s = batches(result)
    assert abs(mean_s - theory_s) < 4 * error_s
    assert error_s < 0.04 * theory_s


def d_m_1_s(load):
    """Mean sojourn of D/M/1, μ = 1: 1/(1 − σ), σ the root in (0, 1) of σ = exp(−(1 − σ)/ρ)."""
    sigma = 0.5
    for _ in range(500):
        sigma = math.exp(-(1 - sigma) / load)
    return 1 / (1 - sigma)


OPEN = {
    "M/M/1": (Poisson(per_s=0.7), EXPONENTIAL, {}, 1 / (1 - 0.7)),
    "M/M/4": (Poisson(per_s=3.2), EXPONENTIAL, {"cores": 4}, 1 + erlang_c(3.2, 1.0, 4) / (4 - 3.2)),
    "M/D/1": (Poisson(per_s=0.7), Constant(value=1.0), {}, 1 + 0.7 / (2 * (1 - 0.7))),
    # Pollaczek–Khinchine: the wait is λ E[S²]/(2(1 − ρ)), and E[S²] = exp(σ²) for a lognormal of mean 1.
    "M/G/1": (Poisson(per_s=0.6), Lognormal(mean=1.0, sigma=0.8), {}, 1 + 0.6 * math.exp(0.64) / (2 * (1 - 0.6))),
    # Processor sharing knows nothing of the law but its mean.
    "M/G/1-PS": (Poisson(per_s=0.6), Lognormal(mean=1.0, sigma=0.8), {"discipline": "ps"}, 1 / (1 - 0.6)),
    "D/M/1": (Deterministic(per_s=0.7), EXPONENTIAL, {}, d_m_1_s(0.7)),
}


@pytest.mark.parametrize("case", OPEN)
def test_a_service_of_one_server_is_that_queue(case):
    arrivals, demand_s, machine, theory_s = OPEN[case]

    assert_agrees(served(nodes("r", 1, **machine), arrivals=arrivals, service=Synthetic(demand_s=demand_s)), theory_s)


def mva(demands_s, clients, think_s):
    """Mean response time of a closed network of queues, exactly: mean value analysis (Reiser & Lavenberg 1980)."""
    lengths = [0.0] * len(demands_s)
    for count in range(1, clients + 1):
        responses_s = [demand_s * (1 + length) for demand_s, length in zip(demands_s, lengths, strict=True)]
        throughput = count / (think_s + math.fsum(responses_s))
        lengths = [throughput * each_s for each_s in responses_s]
    return math.fsum(responses_s)


@pytest.mark.parametrize(("clients", "think_s", "servers"), [(5, 4.0, 1), (12, 2.0, 3)])
def test_a_closed_loop_responds_as_mean_value_analysis_says(clients, think_s, servers):
    result = served(
        nodes("r", servers, jitter=EXPONENTIAL),
        service=OWN_TIME,
        arrivals=Closed(clients=clients, think_s=Exponential(mean=think_s)),
    )

    assert_agrees(result, mva([1.0 / servers] * servers, clients, think_s))


def both(call, ask):
    """A policy of calls: a query visits one replica, and then another."""
    yield from ask()
    return (yield from ask())


def test_two_stations_in_series_are_each_a_queue_of_its_own():
    # Jackson 1957: the tandem takes 1/(μ₁ − λ) + 1/(μ₂ − λ), as if arrivals at the second were Poisson.
    machines = (NodeSpec(name="r-0", jitter=EXPONENTIAL), NodeSpec(name="r-1", speed=1.25, jitter=EXPONENTIAL))
    result = served(
        machines,
        service=OWN_TIME,
        arrivals=Poisson(per_s=0.7),
        resilience=(both,),
        balancer=lambda query, replicas, generator: replicas[0].name,  # of those that were not visited
    )

    assert {row["attempts"] for row in result.trace.rows("query")} == {2}
    assert_agrees(result, 1 / (1 - 0.7) + 1 / (1.25 - 0.7))


def m_m_c_k(offered, cores, room):
    """The probability of each number in M/M/c/K, μ = 1."""
    weights = [1.0]
    for number in range(1, room + 1):
        weights.append(weights[-1] * offered / min(number, cores))
    return np.array(weights) / math.fsum(weights)


@pytest.mark.parametrize(("offered", "cores", "room"), [(0.9, 1, 3), (2.5, 3, 3), (2.0, 2, 6)])
def test_a_queue_with_room_for_few_turns_away_as_many_as_erlang_says(offered, cores, room):
    result = served(
        nodes("r", 1, cores=cores), arrivals=Poisson(per_s=offered), queue=QueueLimit(waiting=room - cores)
    )
    shares = m_m_c_k(offered, cores, room)
    blocked, count = shares[-1], 40_000
    length = float(shares @ np.arange(room + 1))

    # Runs of losses depend on each other for some services' time: ten binomial standard errors are 2 to 3 points.
    assert len(result.outcome.failed) / count == pytest.approx(blocked, abs=10 * math.sqrt(blocked / count))
    assert_agrees(result, length / (offered * (1 - blocked)))  # Little's law for those that are taken in


def test_a_loss_system_knows_nothing_of_the_law_of_service_but_its_mean():
    # Erlang B is insensitive (Sevastyanov 1957): 3 cores, no room to wait, offered 2.5.
    blocked = m_m_c_k(2.5, 3, 3)[-1]
    for demand_s in (Constant(value=1.0), Lognormal(mean=1.0, sigma=1.0)):
        result = served(
            nodes("r", 1, cores=3),
            service=Synthetic(demand_s=demand_s),
            arrivals=Poisson(per_s=2.5),
            queue=QueueLimit(waiting=0),
        )
        assert len(result.outcome.failed) / 40_000 == pytest.approx(blocked, abs=10 * math.sqrt(blocked / 40_000))


#: What 1/(1 − λ) and the sum of Mitzenmacher's λ^(2ⁱ − 2) are, to the figures that are quoted.
MEAN_FIELD_S = {0.5: 1.2657, 0.7: 1.6145, 0.9: 2.6141}


@pytest.mark.parametrize("load", MEAN_FIELD_S)
def test_two_choices_of_five_hundred_servers_come_to_the_mean_field(load):
    # In the limit of many servers; of 500 the mean is off by 1/n, some tenths of a percent, and the run's own error is
    # below 1 %. The first tenth is when queues fill.
    assert choices_sojourn_s_mean(load, 1.0, 2) == pytest.approx(MEAN_FIELD_S[load], abs=5e-5)
    queries = 150_000 if load == 0.9 else 50_000
    result = served(
        nodes("r", 500), arrivals=Poisson(per_s=500 * load), balancer=power_of_two_choices, queries=queries
    )
    mean_s, error_s = batches(result)

    assert mean_s == pytest.approx(MEAN_FIELD_S[load], rel=0.03)
    assert error_s < 0.01 * mean_s


@pytest.mark.parametrize("load", [0.5, 0.7])
def test_one_choice_is_as_many_queues_that_know_nothing_of_each_other(load):
    # 0.9 is left out: such a queue forgets that it began empty after hundreds of services only.
    result = served(nodes("r", 500), arrivals=Poisson(per_s=500 * load), queries=50_000)

    assert batches(result)[0] == pytest.approx(1 / (1 - load), rel=0.03)
