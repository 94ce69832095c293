"""What every cache and every autoscaler promises, and every balancer in a service whose nodes crash."""

import pytest

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.engine import Constant, stream
from simcluster.faults import CrashNode, LoseMessages, PauseNode
from simcluster.serving import Poisson, ServiceJob, Synthetic, UniformKeys
from tests.built_ins import one, words

FAULTS = (
    CrashNode(node="n-0", begin_s=0.4, end_s=0.6),
    CrashNode(node="n-2", begin_s=0.1, end_s=0.9),
    PauseNode(node="n-3", begin_s=0.3, end_s=0.7),
    LoseMessages(probability=0.1, begin_s=0.0, end_s=1.0),
)
CLUSTER = ClusterSpec(nodes=nodes("n", 6))


def service(faults=(), **fields):
    """Eighty queries for one of five keys each, to two shards of two replicas."""
    job = ServiceJob(
        service=Synthetic(demand_s=Constant(value=0.02), keys=UniformKeys(keys=5)),
        arrivals=Poisson(per_s=60.0),
        queries=80,
        front_end="n-0",
        servers=("n-1", "n-2", "n-3", "n-4"),
        shards=2,
        timeout_s=0.4,
        **fields,
    )
    return Scenario(cluster=CLUSTER, job=job, faults=faults, horizon_s=200.0)


def assert_each_ends_once(scenario, seed=0):
    result = run(scenario, seed)
    rows = [row["query"] for kind in ("query", "query_lost", "query_failed") for row in result.trace.rows(kind)]

    assert result.ended == "finished"
    assert sorted(rows) == list(range(80))
    assert run(scenario, seed).digest == result.digest
    return result.outcome


@pytest.mark.parametrize("word", words("Balancer"))
def test_a_balancer_leaves_every_answer_as_it_is_whatever_crashes(word):
    calm, shaken = (
        assert_each_ends_once(service(faults, balancer=one("Balancer", word))) for faults in ((), FAULTS)
    )
    assert calm.answers == shaken.answers


@pytest.mark.parametrize("word", words("Cache"))
@pytest.mark.parametrize("at", ["front_end", "servers"])
def test_a_cache_changes_no_answer_whatever_crashes(word, at):
    plain = assert_each_ends_once(service())
    for faults in ((), FAULTS):
        cached = assert_each_ends_once(service(faults, cache=one("Cache", word), cache_at=at))
        assert cached.answers == plain.answers


@pytest.mark.parametrize("word", words("Cache"))
def test_a_cache_has_what_was_put_last_under_a_key_or_nothing(word):
    cache, generator, put = one("Cache", word), stream(0), {}
    hits = 0
    for step in range(2000):
        key = int(generator.zipf(1.5))
        try:
            assert cache.get(key, 0.001 * step) == put[key]
            hits += 1
        except KeyError:
            put[key] = step
            cache.put(key, step, 0.001 * step)
    assert hits > 0
    assert isinstance(cache.coalesces, bool)


@pytest.mark.parametrize("word", words("Autoscaler"))
def test_an_autoscaler_loses_no_query_whatever_crashes(word):
    part = one("Autoscaler", word)
    for replicas in range(1, 6):
        assert 1 <= part.at_start(replicas) <= replicas
    plain = assert_each_ends_once(service())
    for faults in ((), FAULTS):
        assert assert_each_ends_once(service(faults, autoscaler=part)).answers == plain.answers
