"""What papers say of balancers: who beats whom when information is fresh, and when it is old."""

import numpy as np
import pytest

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant, Exponential
from simcluster.measurement import mean_interval
from simcluster.serving import (
    JoinIdleQueue,
    Poisson,
    PowerOfChoices,
    ServiceJob,
    Stale,
    Synthetic,
    least_loaded,
    power_of_two_choices,
    random,
)

pytestmark = pytest.mark.theory
SEEDS = range(5)


def sojourns_s(balancer, seed, *, servers=20, load=0.9, queries=4000):
    """Sojourn times in mean service times, after the first quarter; the network takes next to nothing."""
    spec = ClusterSpec(
        nodes=(NodeSpec(name="front"), *nodes("s", servers)),
        network=NetworkSpec(fidelity="latency", latency=Constant(value=1e-6)),
    )
    job = ServiceJob(
        service=Synthetic(demand_s=Exponential(mean=1.0)),
        arrivals=Poisson(per_s=load * servers),
        queries=queries,
        balancer=balancer,
        front_end="front",
        servers=spec.names[1:],
    )
    result = run(Scenario(cluster=spec, job=job, horizon_s=1e6, trace_kinds=("query",)), seed)
    rows = sorted((row["query"], row["sojourn_s"]) for row in result.trace.rows("query"))
    return np.array([sojourn_s for _, sojourn_s in rows])[queries // 4 :]


def longer(worse, better, **fields):
    """The interval of how much longer one takes in the mean than another, by paired seeds."""
    return mean_interval(
        [np.mean(sojourns_s(worse, seed, **fields)) - np.mean(sojourns_s(better, seed, **fields)) for seed in SEEDS]
    )


def test_a_look_at_all_queues_or_at_idle_ones_beats_two_which_beat_none():
    assert longer(power_of_two_choices, JoinIdleQueue()).low > 0
    assert longer(power_of_two_choices, least_loaded).low > 0
    assert longer(power_of_two_choices, PowerOfChoices(choices=4)).low > 0
    assert longer(random, power_of_two_choices).low > 0


def test_with_many_servers_nobody_waits_who_joins_an_idle_queue():
    # Lu et al. 2011: as the number of servers grows some are idle with certainty, and the sojourn is the service.
    assert np.mean(sojourns_s(JoinIdleQueue(), 0, servers=500, queries=20_000)) == pytest.approx(1.0, abs=0.04)
    assert np.mean(sojourns_s(power_of_two_choices, 0, servers=500, queries=20_000)) > 2.0


def test_old_information_makes_a_herd_of_those_who_trust_it_most():
    # Mitzenmacher 2000, figure 1: by fresh information the shortest queue wins, by old ones two choices, and by very
    # old ones the shortest queue is worse than chance.
    def stale(balancer, update_s):
        return Stale(balancer=balancer, update_s=update_s)

    fresh, old, oldest = 0.05, 3.0, 20.0
    assert longer(stale(power_of_two_choices, fresh), stale(least_loaded, fresh)).low > 0
    assert longer(stale(least_loaded, old), stale(power_of_two_choices, old)).low > 0
    assert longer(stale(least_loaded, oldest), random).low > 0


def test_information_that_is_never_old_is_no_other_information():
    for balancer in (power_of_two_choices, least_loaded, JoinIdleQueue()):
        fresh = sojourns_s(Stale(balancer=balancer, update_s=1e-9), 3, queries=2000)
        np.testing.assert_array_equal(fresh, sojourns_s(balancer, 3, queries=2000))
