"""Queues on a node behave as queueing theory says (Kleinrock, Queueing Systems I, 1975; Gross et al. 2008)."""

import math

import numpy as np
import pytest

from simcluster.cluster import Cluster, ClusterSpec, NodeSpec
from simcluster.engine import Environment, Exponential, Lognormal, Trace, stream


def mean_sojourn_s(arrivals_per_s, service, *, cores=1, discipline="fcfs", customers=60_000, seed=0):
    """Mean sojourn time of Poisson arrivals at one node and its standard error, by 30 batch means."""
    env = Environment()
    spec = ClusterSpec(nodes=(NodeSpec(name="n", cores=cores, discipline=discipline),))
    cluster = Cluster(env, spec, seed, Trace(env, ()))
    node, sojourns = cluster["n"], np.empty(customers)
    gaps = stream(seed, "arrivals").exponential(1 / arrivals_per_s, customers)
    draws = stream(seed, "service")

    def source(node):
        for i in range(customers):
            yield node.timer(gaps[i])
            begin_s = env.now
            done = node.busy(service(draws))
            done.callbacks.append(lambda _, i=i, begin_s=begin_s: sojourns.__setitem__(i, env.now - begin_s))

    node.boot(source)
    env.run()
    batches = sojourns[customers // 10 :].reshape(30, -1).mean(axis=1)  # the first tenth is warm-up
    return batches.mean(), batches.std(ddof=1) / math.sqrt(30)


def erlang_c(servers, load):
    """The probability that a customer of M/M/c waits; ``load`` is λ/μ."""
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


EXPONENTIAL = Exponential(mean=1.0).sample
LOGNORMAL = Lognormal(mean=1.0, sigma=1.0).sample

CASES = {
    "M/M/1": (0.7, EXPONENTIAL, {}, 1 / (1 - 0.7)),
    "M/D/1": (0.7, lambda _: 1.0, {}, 1 + 0.7 / (2 * (1 - 0.7))),
    # Pollaczek-Khinchine: wait = λ E[S²] / 2(1 − ρ); E[S²] = e^{σ²} for a lognormal of mean 1.
    "M/G/1": (0.5, LOGNORMAL, {}, 1 + 0.5 * math.e / (2 * (1 - 0.5))),
    "M/M/3": (2.1, EXPONENTIAL, {"cores": 3}, 1 + erlang_c(3, 2.1) / (3 - 2.1)),
    # Insensitive: processor sharing depends on the mean of the service only.
    "M/M/1-PS": (0.7, EXPONENTIAL, {"discipline": "ps"}, 1 / (1 - 0.7)),
    "M/G/1-PS": (0.7, LOGNORMAL, {"discipline": "ps"}, 1 / (1 - 0.7)),
    "M/D/1-PS": (0.7, lambda _: 1.0, {"discipline": "ps"}, 1 / (1 - 0.7)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_mean_sojourn_time_is_that_of_theory(case):
    arrivals_per_s, service, node, theory_s = CASES[case]

    mean_s, error_s = mean_sojourn_s(arrivals_per_s, service, **node)

    # Four standard errors: one false alarm in 15,000, and the seed is fixed. The error must be small enough to tell.
    assert abs(mean_s - theory_s) < 4 * error_s
    assert error_s < 0.03 * theory_s
