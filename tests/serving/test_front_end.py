"""What may stand in a query's way: policies of calls, queues of servers, caches, and servers that start and drain."""

from collections import Counter, OrderedDict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import UNANSWERED, ClusterSpec, NetworkSpec, NodeSpec, Overloaded, nodes
from simcluster.engine import Constant, Event, Exponential, stream
from simcluster.faults import CrashNode, KillProgram, LoseMessages, PauseNode
from simcluster.serving import (
    After,
    At,
    Deadline,
    Fixed,
    Hedge,
    Lru,
    Poisson,
    QueueLimit,
    Retry,
    ServiceJob,
    Synthetic,
    UniformKeys,
    ZipfKeys,
    checked,
    once,
)
from simcluster.serving.draws import Draws

SERVERS = ("r-0", "r-1", "r-2", "r-3")
# So short that the backlog of a crash is worked off within the time-out: else no attempt would ever come in time.
FIXED = Synthetic(demand_s=Constant(value=0.001), keys=UniformKeys(keys=5))


def served(faults=(), seed=1, network=None, horizon_s=200.0, cores=1, **fields):
    given = {"service": FIXED, "arrivals": Poisson(per_s=100.0), "queries": 200, "timeout_s": 0.2}
    job = ServiceJob(front_end="f", servers=SERVERS, **{**given, **fields})
    cluster = ClusterSpec(nodes=(NodeSpec(name="f"), *nodes("r", 4, cores=cores)), network=network or NetworkSpec())
    return run(Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=horizon_s), seed)


def twice(call, ask):
    """A policy: one more attempt."""
    try:
        return (yield from ask())
    except UNANSWERED:
        return (yield from ask())


class Hedged:
    """A policy: a second attempt while the first is open, the first answer counts, the other is withdrawn."""

    def __init__(self, after_s):
        self.after_s = after_s

    def __call__(self, call, ask):
        first, patience = call.start(ask()), call.node.timer(self.after_s)
        yield first | patience
        if first.triggered:
            return (yield first)  # which raises what it failed with at the moment at which patience ended
        second = call.start(ask())
        yield first | second
        call.withdraw()
        return (yield first if first.triggered else second)


class UpAndDown:
    """An autoscaler: one server of each shard, then all, then one again."""

    def at_start(self, replicas):
        return 1

    def run(self, node, pool):
        yield node.timer(0.5)
        for name in pool.views:
            pool.start(name, cold_start_s=0.25)
        yield node.timer(0.5)
        for shard in range(pool.job.shards):
            for view in pool.shard(shard)[1:]:
                pool.drain(view.name)
        yield Event(node.env)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from("cpkCPK"), st.floats(0, 3), st.floats(0.01, 1)), max_size=4),
    st.sampled_from([(), (once,), (twice,), (Hedged(0.03),), (twice, Hedged(0.02))]),
    st.sampled_from([None, QueueLimit(waiting=0), QueueLimit(waiting=3)]),
    st.sampled_from([(None, "servers"), (Lru(entries=2), "servers"), (Lru(entries=2, coalesces=False), "front_end")]),
    st.sampled_from([None, Fixed(servers=1), UpAndDown()]),
    st.sampled_from([1, 2]),
    st.floats(0, 0.2),
    st.integers(0, 3),
)
def test_every_query_is_answered_right_or_fails_with_a_cause_whatever_stands_in_its_way(
    drawn, policies, queue, cached, autoscaler, shards, loss, seed
):
    make = {
        "c": lambda node, **when: CrashNode(node=node, **when),
        "p": lambda node, **when: PauseNode(node=node, **when),
        "k": lambda node, **when: KillProgram(
            node=node, program="service.front_end" if node == "f" else "service.server", **when
        ),
    }
    faults = [
        make[what.lower()]("f" if what.islower() else "r-0", begin_s=begin_s, end_s=begin_s + for_s)
        for what, begin_s, for_s in drawn
    ]
    fields = {
        "resilience": policies, "queue": queue, "cache": cached[0], "cache_at": cached[1], "autoscaler": autoscaler,
        "shards": shards, "network": NetworkSpec(loss_probability=loss),
    }  # fmt: skip
    result = served(faults, seed, **fields)
    outcome = result.outcome

    assert result.ended == "finished"
    assert sorted([*outcome.answers, *outcome.failed]) == list(range(200))
    assert all(answer == checked(answer[0]) for answer in outcome.answers.values())
    assert not outcome.failed or policies or queue is not None
    assert {*outcome.failed.values()} <= {"timed_out", "overloaded"}
    assert [row["query"] for row in result.trace.rows("query_failed")] == list(outcome.failed)
    assert served(faults, seed, **fields).digest == result.digest


def test_a_policy_that_gives_up_lets_the_query_fail_and_what_stands_around_it_asks_again():
    half = [LoseMessages(probability=0.3, begin_s=0.0)]
    one, four = (len(served(half, resilience=policies).outcome.failed) for policies in ((once,), (twice, twice)))

    # An attempt fails with 1 − 0.7² = 0.51, and four of them with 0.068: of 200, within four standard deviations.
    assert one == pytest.approx(102, abs=29)
    assert four == pytest.approx(13.5, abs=14)


@pytest.mark.parametrize("seed", range(3))
def test_the_record_of_a_query_counts_all_requests_that_were_sent_for_it_until_then_on_every_shard(seed):
    resilience = (Deadline(within_s=0.03), Retry(attempts=3), Hedge(delay=After(delay_s=0.002)))
    faults = (LoseMessages(probability=0.3, begin_s=0.0),)
    result = served(faults, seed, resilience=resilience, shards=2, queue=QueueLimit(waiting=1), timeout_s=0.01)
    sent, ended = Counter(), Counter()
    for row in result.trace.rows("attempt", "query", "query_failed"):
        ended[row["kind"]] += 1
        if row["kind"] == "attempt":
            sent[row["query"]] += 1
        else:
            assert row["attempts"] == sent[row["query"]]

    assert min(ended[kind] for kind in ("query", "query_failed")) > 10


def test_two_attempts_at_once_go_to_two_replicas_and_a_withdrawn_one_that_waits_is_turned_away():
    asked = []

    def noted(query, replicas, generator):
        asked.append(sorted(view.name for view in replicas))
        return replicas[0].name

    result = served(
        resilience=(Hedged(0.001),), balancer=noted, arrivals=At(times_s=(1.0,)), queries=1, queue=QueueLimit(waiting=9)
    )

    assert asked == [list(SERVERS), list(SERVERS[1:])]
    assert [row["attempts"] for row in result.trace.rows("query")] == [2]


def test_what_is_withdrawn_while_it_waits_is_never_computed():
    def both(call, ask):
        first, second = call.start(ask()), call.start(ask())
        yield first | second
        call.withdraw()
        return (first if first.triggered else second).value

    busy = {"balancer": lambda query, replicas, generator: replicas[0].name, "queue": QueueLimit(waiting=99)}
    slow = Synthetic(demand_s=Constant(value=1.0))
    times_s = (0.0, 0.1)
    result = served(
        service=slow, arrivals=At(times_s=times_s), queries=2, resilience=(both,), timeout_s=None, **busy
    )

    # Both queries are asked of r-0 and r-1; while the second waits at both, the first is answered by both at once.
    assert len(list(result.trace.rows("compute"))) == 2 + 2
    apart = served(
        service=slow, arrivals=At(times_s=times_s), queries=2, timeout_s=None, resilience=(both,),
        faults=[PauseNode(node="r-1", begin_s=0.05, end_s=5.0)], **busy,
    )  # fmt: skip
    # While r-1 stands still, r-0 answers both; the second, which waits at r-1, is withdrawn there before it goes on.
    assert len(list(apart.trace.rows("compute"))) == 2
    assert {row["node"] for row in apart.trace.rows("compute")} == {"r-0"}


def test_a_full_queue_turns_away_and_the_query_fails_at_once_unless_a_policy_asks_another():
    together = At(times_s=(1.0,) * 12)
    first = {"balancer": lambda query, replicas, generator: replicas[0].name, "queue": QueueLimit(waiting=1)}
    result = served(arrivals=together, queries=12, **first)
    again = served(arrivals=together, queries=12, resilience=(twice, twice), **first)

    assert {*result.outcome.failed.values()} == {Overloaded.cause}
    assert len(result.outcome.answers) == 2  # one computed, one waiting
    assert len(again.outcome.answers) == 8  # as many at each of the four that a query is asked of


def test_a_cache_answers_what_was_asked_and_whoever_asks_meanwhile_waits_for_the_same_answer():
    arrivals, queries = At(times_s=(0.0, 0.0005, 0.5, 0.5)), 4
    one = {"service": FIXED.replace(keys=UniformKeys(keys=1)), "arrivals": arrivals, "queries": queries}
    for cache_at in ("servers", "front_end"):
        first = {"balancer": lambda query, replicas, generator: "r-0", "cache_at": cache_at}
        counts = [
            len(list(served(cache=Lru(entries=1, coalesces=coalesces), **one, **first).trace.rows("compute")))
            for coalesces in (True, False)
        ]
        assert counts == [1, 2]


@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 4))
def test_what_a_cache_keeps_is_what_was_asked_for_last(asked, entries):
    cache, kept = Lru(entries=entries), OrderedDict()
    for key in asked:
        try:
            assert cache.get(key, 0.0) == kept[key]
            kept.move_to_end(key)
        except KeyError:
            assert key not in kept
            cache.put(key, str(key), 0.0)
            kept[key] = str(key)
            if len(kept) > entries:
                kept.popitem(last=False)


def test_servers_start_after_their_cold_start_drain_gracefully_and_are_asked_only_while_active():
    result = served(autoscaler=UpAndDown(), arrivals=Poisson(per_s=200.0), queries=400, timeout_s=None)
    turns = [(row["time_s"], row["node"], row["state"]) for row in result.trace.rows("server") if row["time_s"] > 0]
    begun = Counter(row["node"] for row in result.trace.rows("compute") if row["begin_s"] < 0.75)
    late = [row["node"] for row in result.trace.rows("compute") if row["begin_s"] > 1.2]

    assert [turn for turn in turns if turn[2] == "starting"] == [(0.5, name, "starting") for name in SERVERS[1:]]
    assert [turn for turn in turns if turn[2] == "active"] == [(0.75, name, "active") for name in SERVERS[1:]]
    assert sorted(name for _, name, state in turns if state == "off") == sorted(SERVERS[1:])
    assert {*begun} == {"r-0"}
    assert {*late} == {"r-0"}
    assert len(result.outcome.answers) == 400
    assert {row["attempts"] for row in result.trace.rows("query")} == {1}  # nobody who drained lost anything


def test_who_waits_for_a_server_to_run_is_asked_as_soon_as_one_does():
    class Gap:
        def at_start(self, replicas):
            return 1

        def run(self, node, pool):
            pool.drain("r-0")
            yield node.timer(2.0)
            pool.start("r-1")
            yield Event(node.env)

    for policies in ((), (once,)):
        result = served(autoscaler=Gap(), arrivals=At(times_s=(0.5, 1.0)), queries=2, resilience=policies)
        assert sorted(row["time_s"] > 2.0 for row in result.trace.rows("query")) == [True, True]


def test_a_server_that_is_stopped_loses_what_it_has_and_one_that_is_told_to_drain_while_it_starts_never_runs():
    class Stops:
        def at_start(self, replicas):
            return 2

        def run(self, node, pool):
            yield node.timer(0.5)
            pool.stop("r-0")
            pool.start("r-2", 1.0)
            pool.drain("r-2")
            yield node.timer(5.0)
            yield Event(node.env)

    slow = Synthetic(demand_s=Constant(value=1.0))
    first = {"balancer": lambda query, replicas, generator: replicas[0].name}
    result = served(autoscaler=Stops(), service=slow, arrivals=At(times_s=(0.1,)), queries=1, timeout_s=2.0, **first)

    assert [row["attempts"] for row in result.trace.rows("query")] == [2]
    assert {row["node"] for row in result.trace.rows("compute")} == {"r-1"}


@pytest.mark.parametrize("on", [0, 5])
def test_an_autoscaler_that_starts_with_more_servers_than_there_are_or_with_none_is_an_error(on):
    class Wrong(UpAndDown):
        def at_start(self, replicas):
            return on

    with pytest.raises(ValueError, match=rf"at_start must be within \[1, 4\], the replicas of a shard, got {on}"):
        served(autoscaler=Wrong())


def test_a_server_answers_probes_with_how_many_requests_it_has_and_how_long_its_last_answer_took():
    seen = []

    class Probes:
        def __call__(self, query, replicas, generator):
            return "r-0"

        def run(self, node, name, replicas):
            for _ in range(3):
                yield node.timer(0.4)
                seen.append((yield node.request("r-0", f"{name}.probe")).body)

        def heard(self, view, latency_s, now_s):
            seen.append((view.name, latency_s, now_s))

    slow = Synthetic(demand_s=Constant(value=0.3))
    served(service=slow, balancer=Probes(), arrivals=At(times_s=(0.3, 0.3, 9.0)), queries=3, timeout_s=None)

    assert seen[0] == (2, None)
    assert [event[0] for event in seen if event[0] == "r-0"] == ["r-0"] * 3
    assert seen[2] == (1, pytest.approx(0.3)) or seen[3] == (0, pytest.approx(0.6))


def test_single_draws_are_quick_and_every_other_draw_is_a_generator_s_own():
    draws = Draws(stream(3))
    block = stream(3).random(512)
    whole = [draws.integers(10) for _ in range(256)] + [int(10 * draws.random()) for _ in range(256)]

    assert whole == [int(10 * each) for each in block]
    assert 0 <= draws.integers(5, 7) < 7
    assert draws.random(3).shape == (3,)
    assert sorted(draws.permutation(5)) == list(range(5))


def test_zipf_keys_come_as_often_as_the_law_says():
    keys, generator = ZipfKeys(keys=50, exponent=1.1), stream(8)
    counts = Counter(keys(generator) for _ in range(20_000))
    weights = [(key + 1) ** -1.1 for key in range(50)]

    for key, weight in enumerate(weights):
        share = weight / sum(weights)
        assert keys.chances()[key] == pytest.approx(share)
        # Five standard deviations of a binomial count.
        assert counts[key] == pytest.approx(20_000 * share, abs=5 * (20_000 * share) ** 0.5)
    assert all(before > after for before, after in pairwise(keys.chances()))


def test_a_law_of_demand_takes_longer_on_a_slower_core():
    times_s = At(times_s=(1.0,))
    job = ServiceJob(
        service=Synthetic(demand_s=Exponential(mean=0.5)), arrivals=times_s, queries=1, front_end="f", servers=("r-0",)
    )
    sojourn_s = [
        next(run(Scenario(cluster=ClusterSpec(nodes=machines), job=job), 4).trace.rows("query"))["sojourn_s"]
        for machines in (
            (NodeSpec(name="f"), NodeSpec(name="r-0")),
            (NodeSpec(name="f"), NodeSpec(name="r-0", flops_per_s=0.5e9)),
        )
    ]
    assert sojourn_s[1] - 0.001 == pytest.approx(2 * (sojourn_s[0] - 0.001), rel=1e-4)
