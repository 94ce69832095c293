"""The front end's account of its calls: what is outstanding, who may be asked, what guards hear, what comes late."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant
from simcluster.faults import CrashNode, KillProgram, LoseMessages, SlowNode
from simcluster.recovery import HealthChecks
from simcluster.serving import At, Lru, Poisson, QueueLimit, ServiceJob, Synthetic, UniformKeys, once
from simcluster.serving.resilience import After, Bulkhead, FixedBackoff, Hedge, Retry, at_once

SERVERS = ("r-0", "r-1", "r-2", "r-3")


def first(query, replicas, generator):
    return replicas[0].name


def served(times_s, faults=(), seed=0, *, demand_s=0.1, keys=1, network=None, **fields):
    job = ServiceJob(
        service=Synthetic(demand_s=Constant(value=demand_s), keys=UniformKeys(keys=keys)),
        arrivals=At(times_s=times_s) if isinstance(times_s, tuple) else times_s,
        front_end="f",
        servers=SERVERS,
        **{"balancer": first, "queries": len(times_s) if isinstance(times_s, tuple) else 100, **fields},
    )
    cluster = ClusterSpec(nodes=(NodeSpec(name="f"), *nodes("r", 4)), network=network or NetworkSpec())
    return run(Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=200.0), seed)


def rows(result, kind):
    return list(result.trace.rows(kind))


LIMITED = QueueLimit(waiting=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"queue": LIMITED},
        {"queue": LIMITED, "resilience": (Retry(attempts=2, backoff=at_once),)},
        {"queue": LIMITED, "guards": (Bulkhead(limit=3),)},
        {"timeout_s": 0.25},
        {"resilience": (Hedge(delay=After(delay_s=0.05)),), "timeout_s": 0.25},
        {"cache": Lru(entries=1), "cache_at": "servers", "keys": 9},
    ],
)
def test_when_all_has_ended_nothing_is_outstanding_however_it_ended(fields):
    seen = {}

    def watches(query, replicas, generator):
        seen.update({view.name: view.outstanding for view in replicas})
        return replicas[0].name

    result = served((1.0,) * 12 + (30.0,), balancer=watches, **fields)

    assert len(result.outcome.answers) + len(result.outcome.failed) == 13
    assert seen == dict.fromkeys(SERVERS, 0)


def test_who_is_suspected_is_not_asked_while_there_is_another():
    gone = CrashNode(node="r-0", begin_s=1.0, end_s=4.0)
    checks = HealthChecks(period_s=0.1, timeout_s=0.1)
    for fields in ({}, {"resilience": (once,)}, {"guards": (Bulkhead(limit=9),)}):
        result = served((0.5, 3.0, 6.0), [gone], detector=checks, timeout_s=0.5, **fields)

        assert [row["attempts"] for row in rows(result, "query")] == [1, 1, 1]
        assert [row["node"] for row in rows(result, "compute") if row["node"] in SERVERS] == ["r-0", "r-1", "r-0"]


@settings(max_examples=8)
@given(st.integers(1, 9), st.sampled_from([None, HealthChecks(period_s=0.1, timeout_s=0.05)]), st.integers(0, 9))
def test_a_guard_that_admits_everybody_changes_nothing(attempts, detector, seed):
    faults = [CrashNode(node="r-1", begin_s=0.1, end_s=0.8), LoseMessages(probability=0.5, begin_s=0.0, end_s=1.0)]
    with_one, without = (
        served(
            Poisson(per_s=100.0), faults, seed, demand_s=0.005, timeout_s=0.05, detector=detector, guards=guards,
            balancer="power_of_two_choices", resilience=(Retry(attempts=attempts, backoff=at_once),),
        )
        for guards in ((Bulkhead(limit=10**6),), ())
    )  # fmt: skip

    for kind in ("attempt", "attempt_end", "query", "query_failed"):
        assert rows(with_one, kind) == rows(without, kind)


def test_a_call_asks_each_replica_once_before_it_asks_one_again():
    for guards in ((), (Bulkhead(limit=9),)):
        result = served(
            (1.0,), [LoseMessages(probability=1.0, begin_s=0.0)], timeout_s=0.1, guards=guards,
            resilience=(Retry(attempts=9, backoff=at_once),),
        )  # fmt: skip
        asked = [row["node"] for row in rows(result, "attempt")]

        assert [sorted(asked[:4]), sorted(asked[4:8]), asked[8:]] == [[*SERVERS], [*SERVERS], ["r-0"]]


class Hears:
    """A guard that admits everybody, and keeps what it hears."""

    cause = "none"

    def __init__(self, heard):
        self.heard = heard

    def __deepcopy__(self, memo):
        return self

    def begin(self, say):
        return self

    def admits(self, server, shard, now_s):
        return True

    def sent(self, server, shard, now_s):
        self.heard.append(("sent", server, shard, now_s))

    def ended(self, server, shard, now_s, sent_s, outcome):
        self.heard.remove(("sent", server, shard, sent_s))
        self.heard.append((outcome, server, shard, now_s))


def test_a_guard_hears_once_of_the_end_of_each_request_when_it_was_sent_and_what_became_of_it():
    heard = []
    faults = LoseMessages(probability=0.2, begin_s=0.0), SlowNode(node="r-0", factor=5.0, begin_s=0.0)
    result = served(
        Poisson(per_s=60.0), faults, guards=(Hears(heard),), timeout_s=0.2, demand_s=0.01, shards=2, balancer="random",
        resilience=(Retry(backoff=at_once), Hedge(delay=After(delay_s=0.03))),
    )  # fmt: skip

    fields = ("outcome", "node", "shard", "time_s")
    ends = [tuple(row[name] for name in fields) for row in rows(result, "attempt_end")]
    assert [end for end in heard if end[0] != "sent"] == ends
    assert {end[0] for end in heard} >= {"answered", "cancelled", "timed_out"}


def test_the_answer_to_a_hedge_that_was_given_up_is_late_and_comes_to_nobody():
    slow = SlowNode(node="r-0", factor=5.0, begin_s=0.0)
    result = served((1.0, 9.0), [slow], resilience=(Hedge(delay=After(delay_s=0.05)),))

    assert [row["node"] for row in rows(result, "late_reply")] == ["f"]
    assert {row["outcome"] for row in rows(result, "attempt_end")} == {"answered", "cancelled"}


def test_a_copy_that_is_given_up_while_it_waits_to_ask_again_ends_without_a_word():
    down = CrashNode(node="r-0", begin_s=0.5, end_s=100.0)
    later = FixedBackoff(delay_s=5.0)
    stand = Hedge(delay=After(delay_s=0.2)), Retry(backoff=later)
    result = served((1.0, 20.0), [down], resilience=stand, timeout_s=0.1, demand_s=0.05)

    assert [row["sojourn_s"] for row in rows(result, "query")] == [pytest.approx(0.25, abs=0.01)] * 2
    outcomes = [(row["node"], row["outcome"]) for row in rows(result, "attempt_end")]
    assert outcomes == [("r-0", "timed_out"), ("r-1", "answered")] * 2


@pytest.mark.parametrize(("begin_s", "lost"), [(1.05, 0.0), (1.15, 1.0)])
def test_an_answer_that_comes_after_the_front_end_was_killed_comes_to_nobody(begin_s, lost):
    faults = [
        KillProgram(node="f", program="service.front_end", begin_s=begin_s, end_s=2.0),
        LoseMessages(probability=lost, begin_s=1.0, end_s=1.05),  # so that it waits to ask again when it is killed
    ]
    result = served((1.0,), faults, timeout_s=0.2)
    asked_s = [row["time_s"] for row in rows(result, "send") if row["message_kind"] == "service.ask"]

    assert [row["time_s"] >= 2.1 for row in rows(result, "query")] == [True]
    assert [time_s >= 2.0 for time_s in asked_s] == [False, True]


def probed(times_s, probes_s, **fields):
    """What the first server says at some moments: its requests, and how many seconds it expects of the next."""
    said = []

    class Probes:
        def __call__(self, query, replicas, generator):
            return "r-0"

        def run(self, node, name, replicas):
            for at_s in probes_s:
                yield node.timer(at_s - node.env.now)
                said.append((yield node.request("r-0", f"{name}.probe")).body)

    served((*times_s, 50.0), balancer=Probes(), **fields)
    return said


def test_a_server_counts_who_waits_and_forgets_whom_it_turned_away():
    said = probed((1.0,) * 5, (1.05, 9.0), queue=LIMITED, demand_s=0.2)

    assert said == [(2, None), (0, pytest.approx(0.3, abs=0.01))]  # 0.2 s and 0.4 s; three were turned away at once


@pytest.mark.parametrize("coalesces", [True, False])
def test_a_server_counts_those_who_wait_for_another_s_answer(coalesces):
    said = probed((1.0,) * 5, (1.05, 9.0), cache=Lru(entries=1, coalesces=coalesces))

    assert said[0] == (5, None)
    assert said[1][0] == 0


def test_a_withdrawn_request_is_computed_where_others_wait_for_its_answer():
    def gives_up(call, ask):
        """The second query, which waits at the server, is given up; the third waits for its answer."""
        copy = call.start(ask())
        if call.query.number == 1:
            yield call.node.timer(0.5)
            call.stop(copy)
            return 0, 0
        return (yield copy)

    bodies = iter((1, 2, 2))
    job = ServiceJob(
        service=Synthetic(demand_s=Constant(value=1.0), keys=lambda generator: next(bodies)),
        arrivals=At(times_s=(1.0, 1.1, 1.2)), queries=3,
        front_end="f", servers=("r-0",), queue=QueueLimit(waiting=9), cache=Lru(entries=9), resilience=(gives_up,),
    )  # fmt: skip
    result = run(Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="f"), NodeSpec(name="r-0"))), job=job), 0)

    assert result.outcome.answers[2][0] == 2
    assert not result.outcome.failed
