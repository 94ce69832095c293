"""Caches keep what they say, hit as often as theory says, and compute once what several ask for at once."""

import math
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NodeSpec, nodes
from simcluster.engine import Constant, stream
from simcluster.faults import CrashNode, LoseMessages
from simcluster.serving import (
    At,
    Deadline,
    Lfu,
    Lru,
    Poisson,
    Retry,
    ServerQueue,
    ServiceJob,
    Synthetic,
    Ttl,
    UniformKeys,
    ZipfKeys,
)


def asked(cache, key, now_s=0.0):
    """Whether the cache has it; else it is computed, and put."""
    try:
        assert cache.get(key, now_s) == f"answer {key}"
    except KeyError:
        cache.put(key, f"answer {key}", now_s)
        return False
    return True


def hit_ratio(cache, keys, warm_up):
    hits = [asked(cache, key) for key in keys]
    return np.mean(hits[warm_up:])


def zipf(count, exponent, draws, seed=0):
    chances = np.arange(1, count + 1.0) ** -exponent
    chances /= chances.sum()
    return chances, stream(seed).choice(count, draws, p=chances).tolist()


def che(chances, entries):
    """Che's approximation of LRU under independent keys (Che, Tung & Wang, IEEE JSAC 20(7), 2002)."""
    time = brentq(lambda t: -np.expm1(-chances * t).sum() - entries, 0.0, 1e9)
    return float((chances * -np.expm1(-chances * time)).sum())


@pytest.mark.theory
@pytest.mark.parametrize(("exponent", "entries"), [(0.8, 50), (0.8, 300), (1.0, 100), (1.2, 30)])
def test_lru_under_zipf_hits_as_often_as_che_s_approximation_says(exponent, entries):
    chances, keys = zipf(1000, exponent, 80_000)

    assert hit_ratio(Lru(entries=entries), keys, 20_000) == pytest.approx(che(chances, entries), rel=0.02)


@pytest.mark.theory
def test_lfu_comes_to_keep_the_most_popular_which_no_cache_of_the_size_beats():
    chances, keys = zipf(1000, 1.0, 80_000)
    cache = Lfu(entries=50)
    ratio = hit_ratio(cache, keys, 30_000)

    assert ratio == pytest.approx(chances[:50].sum(), rel=0.01)
    assert ratio > 1.05 * che(chances, 50)
    assert len(set(range(45)) & set(cache._state.kept)) >= 44  # of the 50th and the 51st it takes long to see


@pytest.mark.theory
@pytest.mark.parametrize("load", [0.2, 1.0, 5.0])
def test_a_time_to_live_hits_a_share_of_lambda_t_over_one_more(load):
    cache, generator = Ttl(ttl_s=load), stream(1)
    hits = [asked(cache, "key", now_s) for now_s in np.cumsum(generator.exponential(1.0, 40_000))]

    # Renewal: after each miss λT hits in the mean. The deviation of this share of 40,000 trials is 0.5 % at most.
    assert np.mean(hits) == pytest.approx(load / (1 + load), abs=0.015)


@given(st.integers(1, 6), st.lists(st.integers(0, 9), max_size=120))
def test_lru_and_lfu_keep_what_an_independent_model_keeps(entries, keys):
    lru, lfu = Lru(entries=entries), Lfu(entries=entries)
    recent, counts, last = OrderedDict(), Counter(), {}
    kept = set()
    for tick, key in enumerate(keys):
        assert asked(lru, key) == (key in recent)
        recent[key] = None
        recent.move_to_end(key)
        if len(recent) > entries:
            recent.popitem(last=False)

        assert asked(lfu, key) == (key in kept)
        counts[key] += 1
        last[key] = tick
        kept.add(key)
        if len(kept) > entries:
            kept.remove(min(kept, key=lambda each: (counts[each], last[each])))
        assert set(lfu._state.kept) == kept
        assert len(lfu._state.heap) <= 4 * entries + 17


@given(
    st.integers(1, 4), st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0, 2.0])), max_size=60)
)
def test_a_time_to_live_gives_nothing_that_is_older_and_keeps_no_more_than_it_may(entries, steps):
    cache, put_s, now_s = Ttl(ttl_s=2.0, entries=entries), {}, 0.0
    for key, gap_s in steps:
        now_s += gap_s
        hit = asked(cache, key, now_s)
        if hit:
            assert now_s - put_s[key] < 2.0
        else:
            put_s[key] = now_s
        assert len(cache._kept) <= entries


@pytest.mark.parametrize("entries", [None, 1])
def test_a_time_to_live_that_no_clock_can_tell_keeps_nothing(entries):
    cache = Ttl(ttl_s=1e-12, entries=entries)

    assert not any(asked(cache, key, now_s=1e6) for key in (1, 1, 2, 1))


def test_what_is_put_once_more_is_young_again():
    cache = Ttl(ttl_s=2.0, entries=2)
    for key, now_s in (("a", 0.0), ("b", 0.5), ("a", 1.0), ("c", 1.5)):  # two may compute the same at once
        cache.put(key, key, now_s)

    assert [*cache._kept] == ["a", "c"]
    assert cache.get("a", 2.9) == "a"


def service(cache, times_s, *, at="front_end", faults=(), keys=1, demand_s=0.1, **job):
    spec = ClusterSpec(nodes=(NodeSpec(name="front"), *nodes("s", 2)))
    made = ServiceJob(
        service=Synthetic(demand_s=Constant(value=demand_s), keys=UniformKeys(keys=keys)),
        arrivals=At(times_s=times_s) if isinstance(times_s, tuple) else times_s,
        queries=len(times_s) if isinstance(times_s, tuple) else 60,
        front_end="front",
        servers=("s-0", "s-1"),
        cache=cache,
        cache_at=at,
        **job,
    )
    return Scenario(cluster=spec, job=made, faults=faults, horizon_s=100.0)


def computed(result):
    return sum(row["node"].startswith("s-") for row in result.trace.rows("compute"))


CACHES = [Lru(entries=5), Lfu(entries=5), Ttl(ttl_s=50.0)]


@pytest.mark.parametrize("cache", CACHES, ids=lambda cache: cache.kind)
@pytest.mark.parametrize("at", ["front_end", "servers"])
def test_equal_queries_at_once_are_one_computation_and_all_are_answered(cache, at):
    balancer = {"kind": "consistent_hash"}  # all of a key at one server
    together = run(service(cache, (1.0,) * 7, at=at, balancer=balancer), 0)
    apart = run(service(cache.replace(coalesces=False), (1.0,) * 7, at=at, balancer=balancer), 0)

    assert len(together.outcome.answers) == len(apart.outcome.answers) == 7
    assert set(together.outcome.answers.values()) == set(apart.outcome.answers.values())
    assert (computed(together), computed(apart)) == (1, 7)


@pytest.mark.parametrize("cache", CACHES, ids=lambda cache: cache.kind)
@pytest.mark.parametrize(("at", "node"), [("front_end", "front"), ("servers", "s-0")])
def test_a_crash_empties_the_cache(cache, at, node):
    def computations(faults):
        first = {"kind": "least_loaded"}  # of two idle servers the first
        made = service(cache, (1.0, 2.0, 4.0, 5.0), at=at, faults=faults, balancer=first, timeout_s=1.0)
        return computed(run(made, 0))

    assert computations(()) == 1
    assert computations((CrashNode(node=node, begin_s=3.0, end_s=3.5),)) == 2


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(CACHES),
    st.sampled_from(["front_end", "servers"]),
    st.booleans(),
    st.sampled_from(["wait", "lose"]),
    st.integers(0, 5),
)
def test_with_caches_and_crashes_every_query_ends_once_with_the_answer_to_its_own_key(
    cache, at, coalesces, when_down, seed
):
    faults = (
        CrashNode(node="front", begin_s=0.3, end_s=0.6),
        CrashNode(node="s-0", begin_s=0.2, end_s=0.9),
        CrashNode(node="s-1", begin_s=0.8, end_s=1.1),
    )
    made = service(
        cache.replace(coalesces=coalesces), Poisson(per_s=40.0), at=at, faults=faults, keys=8, timeout_s=0.5,
        when_down=when_down, demand_s=0.02,
    )  # fmt: skip
    result, calm = run(made, seed), run(made.replace(faults=()), seed)

    assert result.ended == "finished"
    answered, lost, failed = result.outcome.answers, result.outcome.lost, result.outcome.failed
    assert sorted([*answered, *lost, *failed]) == list(range(60))
    assert {number: calm.outcome.answers[number] for number in answered} == answered
    assert when_down == "lose" or not lost


@pytest.mark.parametrize("seed", range(5))
def test_who_waits_for_the_answer_to_another_fails_only_when_that_one_does(seed):
    faults = (LoseMessages(probability=0.3, begin_s=0.0), CrashNode(node="s-0", begin_s=0.4, end_s=0.8))
    given = {"shards": 2, "timeout_s": 0.1, "resilience": (Retry(attempts=2),), "faults": faults}
    made = service(Lru(entries=1), Poisson(per_s=40.0), keys=3, demand_s=0.02, **given)
    network = {"latency": Constant(value=0.001), "failures": "reported"}
    rows = list(run(made.replace(cluster=made.cluster.replace(network=network)), seed).trace.rows("query_failed"))
    asked = {row["time_s"] for row in rows if row["attempts"]}
    waited = {row["time_s"] for row in rows if not row["attempts"]}

    assert asked
    assert waited <= asked


@pytest.mark.parametrize("seed", range(5))
def test_what_several_ask_for_is_computed_as_long_as_one_of_them_wants_it(seed):
    given = {"queue": ServerQueue(), "resilience": (Deadline(within_s=0.15),), "balancer": "least_loaded"}
    made = service(Lru(entries=1), Poisson(per_s=60.0), at="servers", keys=6, demand_s=0.07, **given)
    result = run(made, seed)

    assert len(result.outcome.answers) > 10
    assert set(result.outcome.failed.values()) == {"deadline"}  # no server gave up before the front end did


def test_what_is_cached_at_the_front_end_costs_no_server_anything():
    result = run(service(Lru(entries=4), Poisson(per_s=100.0), keys=4), 0)
    rows = result.trace.rows("cache")

    assert computed(result) == 4
    assert [row["hit"] for row in rows].count(False) == 4
    assert math.isclose(result.metrics["queries_answered"], 60)


@pytest.mark.slow
@pytest.mark.theory
def test_in_a_run_of_a_service_che_s_approximation_holds_as_well():
    keys = ZipfKeys(keys=500, exponent=0.9)
    made = service(Lru(entries=60), Poisson(per_s=1000.0))
    quick = Synthetic(demand_s=Constant(value=1e-6), keys=keys)
    made = made.replace(job=made.job.replace(service=quick, queries=40_000), trace_kinds=("cache",))
    hits = [row["hit"] for row in run(made, 0).trace.rows("cache")][5_000:]

    assert np.mean(hits) == pytest.approx(che(keys.chances(), 60), rel=0.02)
