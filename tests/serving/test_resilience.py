"""Whatever stands around the calls of a service, and whatever goes wrong: each query ends exactly once."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Constant, Exponential, Spec
from simcluster.faults import (
    CrashNode,
    DuplicateMessages,
    KillProgram,
    LoseMessages,
    PartitionNetwork,
    PauseNode,
    ReorderMessages,
    SlowNode,
)
from simcluster.kernels import Call, Cost
from simcluster.serving import Poisson, ServiceJob
from simcluster.serving.resilience import (
    AdaptiveLifo,
    After,
    Bulkhead,
    CircuitBreaker,
    CoDel,
    ConsecutiveFailures,
    Deadline,
    DeadlinePassed,
    DecorrelatedJitter,
    FixedBackoff,
    FullJitter,
    Hedge,
    LengthLimit,
    Quantile,
    Retry,
    ServerQueue,
    Tied,
    TokenBucket,
    at_once,
)
from simcluster.serving.services import Synthetic

SERVERS = tuple(f"r-{number}" for number in range(4))
CLUSTER = ClusterSpec(
    nodes=(NodeSpec(name="f"), *nodes("r", 4, jitter=Exponential(mean=1.0))),
    network=NetworkSpec(latency=Exponential(mean=0.0005)),
)
WORK = Synthetic(demand_s=Constant(value=0.005))  # a load of a half: 200 queries a second, two shards, four servers


def served(faults=(), seed=0, *, cluster=CLUSTER, horizon_s=200.0, check=True, **fields):
    given = {"service": WORK, "arrivals": Poisson(per_s=200.0), "queries": 100, "timeout_s": 0.08, "shards": 2}
    job = ServiceJob(front_end="f", servers=SERVERS, **{**given, **fields})
    return run(Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=horizon_s), seed, check=check)


def rows(result, *kinds):
    return list(result.trace.rows(*kinds))


POLICIES = st.builds(
    lambda deadline, retry, twice: tuple(policy for policy in (deadline, retry, twice) if policy is not None),
    st.sampled_from([None, Deadline(within_s=0.15), Deadline(within_s=0.15, carried=False)]),
    st.sampled_from(
        [
            Retry(attempts=2, backoff=at_once),
            Retry(attempts=4, backoff=FixedBackoff(delay_s=0.01)),
            Retry(attempts=5, backoff=DecorrelatedJitter(base_s=0.01), budget=TokenBucket(share=0.2)),
        ]
    ),
    st.sampled_from(
        [
            None,
            Hedge(delay=After(delay_s=0.0), copies=3),
            Hedge(delay=Quantile(share=0.8), budget=TokenBucket()),
            Tied(),
            Tied(gap_s=0.001),
        ]
    ),
)
GUARDS = st.lists(
    st.sampled_from(
        [
            CircuitBreaker(trip=ConsecutiveFailures(failures=2), open_s=0.1),
            Bulkhead(limit=2),
            Bulkhead(limit=3, per="shard"),
            Bulkhead(limit=5, per="service"),
        ]
    ),
    max_size=2,
    unique_by=lambda guard: guard.kind,
).map(tuple)
QUEUES = st.sampled_from(
    [
        ServerQueue(),
        ServerQueue(shedding=(LengthLimit(waiting=3),)),
        ServerQueue(order=AdaptiveLifo(longer_than=2), shedding=(CoDel(target_s=0.005, interval_s=0.05),)),
    ]
)
WHEN = st.tuples(st.floats(0, 0.6), st.floats(0.01, 0.4)).map(lambda when: {"begin_s": when[0], "end_s": sum(when)})
FAULTS = st.lists(
    st.one_of(
        st.builds(lambda node, when: CrashNode(node=node, **when), st.sampled_from(("f", *SERVERS)), WHEN),
        st.builds(lambda node, when: PauseNode(node=node, **when), st.sampled_from(("f", *SERVERS)), WHEN),
        st.builds(lambda node, when: SlowNode(node=node, factor=10.0, **when), st.sampled_from(SERVERS), WHEN),
        st.builds(lambda when: KillProgram(node="f", program="service.front_end", **when), WHEN),
        st.builds(lambda when: KillProgram(node="r-1", program="service.server", **when), WHEN),
        st.builds(lambda when: LoseMessages(probability=0.3, **when), WHEN),
        st.builds(lambda when: DuplicateMessages(probability=0.3, **when), WHEN),
        st.builds(lambda when: ReorderMessages(probability=0.3, delay_s=Exponential(mean=0.05), **when), WHEN),
        st.builds(lambda when: PartitionNetwork(groups=(("f", "r-0"), ("r-1", "r-2", "r-3")), **when), WHEN),
    ),
    max_size=4,
)


def assert_each_ends_once(result, queries):
    served, ends = result.outcome, Counter(row["query"] for row in rows(result, "query", "query_failed", "query_lost"))
    assert ends == Counter(range(queries))
    assert sorted([*served.answers, *served.failed, *served.lost]) == list(range(queries))
    for answer in served.answers.values():
        assert answer == (answer[0], answer[0] * 2_654_435_761 % 2**32)


def assert_bulkheads_hold(result, guards, boots):
    """At every instant of the trace at most so many are under way: what a front end that has crashed had is over."""
    for guard in guards:
        if not isinstance(guard, Bulkhead):
            continue
        key = {"server": lambda row: row["node"], "shard": lambda row: row["shard"], "service": lambda row: ""}
        under_way = Counter()
        for row in rows(result, "attempt", "attempt_end", "crash"):
            if row["kind"] == "crash":
                under_way = Counter() if row["node"] == "f" else under_way
            else:
                under_way[key[guard.per](row)] += 1 if row["kind"] == "attempt" else -1
                assert boots or max(under_way.values()) <= guard.limit


@settings(max_examples=50)
@given(POLICIES, GUARDS, QUEUES, FAULTS, st.sampled_from(["wait", "lose"]), st.integers(0, 3))
def test_every_query_is_answered_right_failed_or_lost_once_under_every_combination_and_fault(
    policies, guards, queue, faults, when_down, seed
):
    asked = {"queries": 60, "arrivals": Poisson(per_s=250.0), "when_down": when_down}
    result = served(faults, seed, resilience=policies, guards=guards, queue=queue, **asked)

    assert result.ended == "finished"
    assert_each_ends_once(result, 60)
    killed = any(fault.kind == "kill_program" and fault.node == "f" for fault in faults)
    assert_bulkheads_hold(result, guards, killed)
    if not guards and not any(getattr(fault, "node", None) == "f" for fault in faults):
        assert_budget_holds(result, policies)
    causes = {"timed_out", DeadlinePassed.cause, "breaker_open", "bulkhead_full", "queue_full", "codel", "expired",
              "withdrawn", "node_down", "partition"}  # fmt: skip
    assert set(result.outcome.failed.values()) <= causes


def assert_budget_holds(result, policies):
    """At no time have more copies been sent than the calls until then have paid for.

    Asked where no call is refused before anything is sent, for that pays too and leaves no record.
    """
    shares = {policy.kind: policy.budget.share for policy in policies if getattr(policy, "budget", None) is not None}
    calls, copies = set(), Counter()
    hedged = any(policy.kind in ("hedge", "tied") for policy in policies)
    for row in rows(result, "attempt"):
        calls.add((row["query"], row["shard"]))
        copies[row["why"]] += 1
        if "retry" in shares and not hedged:  # an attempt that is hedged is several requests
            assert copies["retry"] <= shares["retry"] * len(calls) + 1e-6
        if "hedge" in shares:
            retries = copies["retry"]  # each attempt of a retry may be hedged, and pays for it
            assert copies["hedge"] <= shares["hedge"] * (len(calls) + retries) + 1e-6


def test_the_same_seed_gives_the_same_trace_and_a_policy_around_calls_moves_no_arrival():
    fields = {"resilience": (Deadline(within_s=0.2), Retry(), Tied()), "queue": ServerQueue()}
    faults = [CrashNode(node="r-1", begin_s=0.1, end_s=0.3), LoseMessages(probability=0.1, begin_s=0.0)]
    first, again, plain = served(faults, 5, **fields), served(faults, 5, **fields), served(faults, 5)
    arrivals = [sorted(row["arrival_s"] for row in rows(one, "query", "query_failed")) for one in (first, plain)]

    assert first.digest == again.digest
    assert arrivals[0] == arrivals[1]


def test_a_tied_copy_that_was_told_to_forget_before_it_began_computes_nothing():
    result = served(resilience=(Tied(),), queue=ServerQueue(), queries=400, shards=1, timeout_s=None)
    withdrawn = sum(row["cause"] == "withdrawn" for row in rows(result, "shed"))

    assert len(rows(result, "attempt")) == 800
    assert withdrawn > 100
    assert 0 <= 800 - withdrawn - len(rows(result, "compute")) <= 4  # what is still computed when all are answered


def test_a_hedge_that_was_not_needed_any_more_computes_nothing_if_it_had_not_begun():
    result = served(resilience=(Hedge(delay=After(delay_s=0.01)),), queue=ServerQueue(), queries=400, timeout_s=None)
    withdrawn = sum(row["cause"] == "withdrawn" for row in rows(result, "shed"))

    assert withdrawn > 10
    left = len(rows(result, "attempt")) - withdrawn - len(rows(result, "compute"))
    assert 0 <= left <= 8  # what is still computed, or on its way, when all are answered


def test_what_is_given_up_leaves_nothing_outstanding():
    policies = (Deadline(within_s=0.05, carried=False), Retry(backoff=at_once), Hedge(delay=After(delay_s=0.005)))
    seen = []

    def watches(query, replicas, generator):
        seen.append(sum(replica.outstanding for replica in replicas))
        return replicas[0].name

    result = served([SlowNode(node="r-0", factor=50.0, begin_s=0.0, end_s=0.2)], resilience=policies,
                    balancer=watches, guards=(Bulkhead(limit=50),), shards=1)  # fmt: skip
    begun = Counter((row["query"], row["node"]) for row in rows(result, "attempt"))
    ended = Counter((row["query"], row["node"]) for row in rows(result, "attempt_end"))

    assert begun == ended
    assert seen[-1] < 20
    assert {row["outcome"] for row in rows(result, "attempt_end")} >= {"answered", "cancelled"}


def test_a_server_does_nothing_for_those_who_have_gone_where_requests_carry_their_deadline():
    computed = defaultdict(int)
    for carried in (True, False):
        result = served(
            [*(PauseNode(node=name, begin_s=0.1, end_s=0.4) for name in SERVERS), CrashNode(node="f", begin_s=0.15)],
            resilience=(Deadline(within_s=0.1, carried=carried),),
            queue=ServerQueue(),
            timeout_s=None,
            when_down="lose",
            arrivals=Poisson(per_s=500.0),
            queries=400,
        )
        computed[carried] = len(rows(result, "compute"))
        assert ("expired" in {row["cause"] for row in rows(result, "shed")}) == carried

    # A front end that lives withdraws what it gives up; one that has crashed does not.
    assert computed[True] < computed[False]


def test_an_open_breaker_spares_a_server_that_is_gone_and_one_probe_finds_it_again():
    gone = CrashNode(node="r-1", begin_s=0.1, end_s=1.0)
    lost = LoseMessages(probability=1.0, receivers=("r-1",), begin_s=0.1, end_s=1.0)  # nobody says that it is down
    counts = {}
    for guards in ((), (CircuitBreaker(trip=ConsecutiveFailures(failures=3), open_s=0.2),)):
        result = served([gone, lost], resilience=(Retry(backoff=at_once),), guards=guards, shards=1,
                        balancer="random", queries=400)  # fmt: skip
        counts[bool(guards)] = sum(
            row["node"] == "r-1" and row["outcome"] == "timed_out" for row in rows(result, "attempt_end")
        )
        assert len(result.outcome.answers) > 390
    probes = [row for row in rows(result, "guard") if row["state"] == "half_open"]

    # Three failures before it opens and what was under way then; then one probe each 0.2 s and its time-out.
    assert counts[True] <= 20 < 40 <= counts[False]
    assert 3 <= len(probes) <= 6
    assert rows(result, "guard")[-1]["state"] == "closed"


class Counts(Spec):
    """A service that is not idempotent: each computation adds one to what is counted."""

    idempotent: bool = False

    def shards(self, count, seed):
        return [Counter() for _ in range(count)]

    def ask(self, generator):
        return float(generator.random())

    def answer(self, shard, body):
        def add():
            shard[body] += 1
            return body, shard[body]

        return Call(add, Cost(flops=1e7, bytes=0.0))

    def merge(self, parts):
        return tuple(parts)


def test_a_service_that_is_not_idempotent_does_nothing_twice_for_only_what_was_not_done_is_asked_again():
    faults = [
        CrashNode(node="r-0", begin_s=0.1, end_s=0.5),
        LoseMessages(probability=0.2, begin_s=0.0, end_s=0.3),
        CrashNode(node="f", begin_s=0.2, end_s=0.25),
    ]
    told = ClusterSpec(nodes=CLUSTER.nodes, network=NetworkSpec(failures="reported"))
    once = {"service": Counts(), "when_down": "lose", "cluster": told}
    result = served(faults, resilience=(Retry(attempts=9, backoff=at_once),), **once)

    assert sorted([*result.outcome.answers, *result.outcome.failed, *result.outcome.lost]) == list(range(100))
    assert {count for answer in result.outcome.answers.values() for _, count in answer} == {1}
    assert {row["why"] for row in rows(result, "attempt")} == {"first", "retry"}  # a node that is down says so
    assert "timed_out" in result.outcome.failed.values()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"resilience": (Retry(), Retry())}, "retry must stand once"),
        ({"resilience": (Deadline(within_s=1.0), Deadline(within_s=1.0))}, "deadline must stand once"),
        ({"resilience": (Hedge(), Tied()), "queue": ServerQueue()}, "of hedge and tied one must be there at most"),
        ({"resilience": (Tied(), Retry()), "queue": ServerQueue()}, "tied must stand innermost"),
        ({"resilience": (Retry(), Hedge()), "shards": 4}, "hedge needs a second replica of each shard, got 1"),
        ({"resilience": (Tied(),), "shards": 4, "queue": ServerQueue()}, "tied needs a second replica"),
        ({"resilience": (Tied(),)}, "queue must be there where requests carry a deadline or are tied"),
        ({"resilience": (Deadline(within_s=1.0),)}, "queue must be there"),
        ({"service": Counts(), "resilience": (Hedge(),), "when_down": "lose"}, "got a policy that sends two copies"),
        ({"service": Counts(), "when_down": "lose"}, "got timeout_s 0.08 without resilience"),
        ({"service": Counts(), "resilience": (Retry(),)}, "got when_down 'wait'"),
    ],
)
def test_combinations_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        served(**fields)


def test_full_jitter_is_what_a_retry_does_by_default():
    assert Retry().backoff == FullJitter(base_s=0.05)
