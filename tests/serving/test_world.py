"""Queries are the world's: none waits to come until the front end has time for it."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant, Environment, Exponential, Lognormal, Spec, stream
from simcluster.faults import CrashNode, KillProgram, PauseNode
from simcluster.kernels import Call, Cost
from simcluster.learning import Bundled
from simcluster.serving import (
    At,
    Closed,
    Locality,
    NearestNeighbours,
    NearestNeighbourService,
    Poisson,
    ServiceJob,
    Synthetic,
    UniformKeys,
    Weighted,
)

SERVERS = ("r-0", "r-1")


class Squares(Spec):
    """A service of one's own: the server squares the number, in ``seconds`` of a core of 1e9 flops/s."""

    seconds: float = 0.001

    def shards(self, count, seed):
        return range(count)

    def ask(self, generator):
        return int(generator.integers(100))

    def answer(self, shard, body):
        return Call(lambda: (shard, body, body**2), Cost(flops=self.seconds * 1e9, bytes=0.0))

    def merge(self, parts):
        return tuple(parts)


def served(faults=(), seed=1, horizon_s=100.0, inbox_messages=None, **fields):
    front = NodeSpec(name="f", inbox_messages=inbox_messages)
    given = {"service": Squares(), "arrivals": Poisson(per_s=100.0), "queries": 500, "timeout_s": 1.0}
    job = ServiceJob(front_end="f", servers=SERVERS, **{**given, **fields})
    cluster = ClusterSpec(nodes=(front, *nodes("r", 2)))
    result = run(Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=horizon_s), seed)
    return result, list(result.trace.rows("query"))


class Often(Synthetic):
    """A service of one's own that asks for another key than the one that it is made of."""

    def ask(self, generator):
        return 7, super().ask(generator)[1]


@pytest.mark.parametrize("service", [Synthetic(), Synthetic(keys=UniformKeys(keys=5)), Often()], ids=type)
@pytest.mark.parametrize("demand_s", [Exponential(mean=2.0), Lognormal(mean=1.0, sigma=1.0)], ids=type)
def test_queries_drawn_in_blocks_are_those_drawn_one_after_the_other(service, demand_s):
    service = service.replace(demand_s=demand_s)
    one, many = stream(0, "test"), service.asks(stream(0, "test"))

    assert [next(many) for _ in range(2000)] == [service.ask(one) for _ in range(2000)]


def arrivals(rows):
    return sorted(row["arrival_s"] for row in rows)


@pytest.mark.parametrize("fault", [PauseNode, CrashNode])
@pytest.mark.parametrize("restarts", [True, False])
def test_those_that_come_while_the_front_end_does_not_listen_have_waited_since_then(fault, restarts):
    _, undisturbed = served()
    result, rows = served([fault(node="f", begin_s=2.0, end_s=4.0 if restarts else None)], horizon_s=20.0)
    if not restarts:
        assert result.ended in ("horizon", "deadlock")
        assert max(arrivals(rows)) < 2.0
        return

    assert result.ended == "finished"
    assert arrivals(rows) == arrivals(undisturbed)
    for row in rows:
        if 2.0 <= row["arrival_s"] < 4.0:
            assert row["sojourn_s"] > 4.0 - row["arrival_s"]


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from("cpk"), st.floats(0, 5), st.floats(0.01, 2)), max_size=3),
    st.sampled_from(["wait", "lose"]),
    st.integers(0, 3),
)
def test_every_query_is_answered_once_and_right_or_lost(drawn, when_down, seed):
    make = {
        "c": lambda **when: CrashNode(node="f", **when),
        "p": lambda **when: PauseNode(node="f", **when),
        "k": lambda **when: KillProgram(node="f", program="service.front_end", **when),
    }
    faults = [make[what](begin_s=begin_s, end_s=begin_s + for_s) for what, begin_s, for_s in drawn]
    result, rows = served(faults, seed=seed, when_down=when_down, shards=2)
    answers, lost = result.outcome.answers, result.outcome.lost

    assert result.ended == "finished"
    assert sorted([*answers, *lost]) == list(range(500))
    assert not lost or (when_down == "lose" and any(what == "c" for what, *_ in drawn))
    assert all(answer == ((0, n, n**2), (1, n, n**2)) for answer in answers.values() for _, n, _ in [answer[0]])
    assert sorted(row["query"] for row in rows) == sorted(answers)
    # Whatever happens to the cluster, the same world asks the same at the same times.
    _, undisturbed = served(seed=seed, shards=2)
    came = [*rows, *result.trace.rows("query_lost")]
    assert arrivals(came) == arrivals(undisturbed)


def test_what_a_crash_takes_away_or_finds_nobody_is_lost_and_counted():
    result, rows = served([CrashNode(node="f", begin_s=2.0, end_s=3.0)], when_down="lose")
    lost = list(result.trace.rows("query_lost"))

    assert result.outcome.lost == tuple(row["query"] for row in lost)
    assert len(rows) + len(lost) == 500
    assert 60 < len(lost) < 140
    assert all(1.9 < row["arrival_s"] < 3.0 for row in lost)


def test_only_a_crash_takes_queries_away_and_not_a_later_kill_of_the_program():
    crash = CrashNode(node="f", begin_s=1.0, end_s=1.001)
    kill = KillProgram(node="f", program="service.front_end", begin_s=3.0, end_s=3.5)
    slow = {"service": Squares(seconds=0.09), "arrivals": Poisson(per_s=20.0), "queries": 100, "when_down": "lose"}
    result, _ = served([crash, kill], **slow)
    lost = list(result.trace.rows("query_lost"))

    assert result.ended == "finished"
    assert lost
    assert all(row["arrival_s"] < 1.001 for row in lost)


def test_a_full_inbox_loses_what_comes():
    result, _ = served([PauseNode(node="f", begin_s=2.0, end_s=3.0)], inbox_messages=10)

    assert 60 < len(result.outcome.lost) < 140


def test_queries_come_at_the_times_of_a_trace():
    times_s = (0.5, 0.25, 3.0)
    _, rows = served(arrivals=At(times_s=times_s), queries=3)

    assert arrivals(rows) == sorted(times_s)


@given(st.lists(st.integers(0, 9999), min_size=1, max_size=9).map(lambda each: tuple(n / 100 for n in [*each, *each])))
@example((1.24, 3.35, 3.35))  # 1.24 + (3.35 - 1.24) > 3.35
def test_any_times_may_be_a_trace_s_in_any_order_and_several_at_once(times_s):
    env, asked_s = Environment(), []

    def ask():
        asked_s.append(env.now)
        return env.event()

    env.process(At(times_s=times_s).run(env, ask, stream(0)))
    env.run()

    assert asked_s == pytest.approx(sorted(times_s), rel=1e-15, abs=0.0)


def test_a_closed_loop_asks_again_after_the_answer_and_its_thoughts():
    result, rows = served(
        service=Squares(seconds=0.1), arrivals=Closed(clients=3, think_s=Constant(value=1.0)), queries=30
    )
    sojourn_s = np.mean([row["sojourn_s"] for row in rows])

    # Little's law for a closed system: throughput × (thinking + sojourn) = clients, but for the last round.
    assert result.ended == "finished"
    assert 30 / result.ended_s == pytest.approx(3 / (1.0 + sojourn_s), rel=0.1)


def sticky(query, replicas, generator):
    """The replica that a query's number says, if it is there: a balancer of one's own."""
    return replicas[query % len(replicas)].name


class Counting:
    """A balancer that remembers, and notes what it knew."""

    def __init__(self):
        self.count = 0

    def __call__(self, query, replicas, generator):
        known.append(self.count)
        self.count += 1
        return replicas[self.count % len(replicas)].name


known = []


@pytest.mark.parametrize("balancer", ["random", "round_robin", "least_loaded", sticky, Counting()])
def test_a_balancer_of_one_s_own_serves_beside_the_built_in_ones_and_forgets_each_run(balancer):
    first, rows = served(balancer=balancer)
    second, _ = served(balancer=balancer)

    assert first.ended == "finished"
    assert first.digest == second.digest
    assert len(rows) == 500
    assert not isinstance(balancer, Counting) or balancer.count == 0


def test_a_balancer_that_names_nobody_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"balancer must return one of \['r-0', 'r-1'\], got 'r-7'"):
        served(balancer=lambda query, replicas, generator: "r-7")
    with pytest.raises(ValueError, match=r"Balancer must have __call__\(self, query.*, got <lambda>\(replicas\)"):
        served(balancer=lambda replicas: "r-0")


@pytest.mark.parametrize("named", [lambda replica: replica, lambda replica: [replica.name], lambda replica: None])
def test_a_balancer_that_gives_something_else_than_a_name_is_told_so(named):
    with pytest.raises(ValueError, match=r"balancer must return one of \['r-0', 'r-1'\], got "):
        served(balancer=lambda query, replicas, generator: named(replicas[0]))


def test_weights_of_servers_that_the_cluster_does_not_have_are_refused_also_within_another_balancer():
    cluster = ClusterSpec(nodes=(NodeSpec(name="f"), *nodes("r", 2)))
    job = ServiceJob(arrivals=Poisson(per_s=1.0), queries=1, front_end="f", servers=SERVERS)
    weighted = Weighted(weights={"r-0": 1.0, "r-9": 2.0})
    for balancer in (weighted, Locality(balancer=weighted)):
        with pytest.raises(ValueError, match=r"weights must name a node of the cluster .*, got 'r-9'"):
            Scenario(cluster=cluster, job=job.replace(balancer=balancer))


def test_a_service_that_holds_fewer_shards_than_it_is_asked_for_is_refused_with_the_scenario():
    class Whole(Synthetic):
        def shards(self, count, seed):
            return [None]

    with pytest.raises(ValueError, match="service must hold the 2 shards that it is asked for, got 1"):
        served(service=Whole(), shards=2)


def test_the_view_of_a_replica_says_what_is_outstanding_and_what_was_heard():
    seen = []

    def looks(query, replicas, generator):
        seen.append([(view.name, view.outstanding, view.latency_s, view.heard_s) for view in replicas])
        return replicas[0].name

    served(balancer=looks, arrivals=At(times_s=(1.0, 1.0005, 5.0)), queries=3)

    assert seen[0] == [("r-0", 0, None, None), ("r-1", 0, None, None)]
    assert [outstanding for _, outstanding, *_ in seen[1]] == [1, 0]
    name, outstanding, latency_s, heard_s = seen[2][0]
    assert (name, outstanding) == ("r-0", 0)
    assert latency_s == pytest.approx(heard_s - 1.0005, abs=1e-6)


def test_the_flat_specification_is_the_same_service():
    flat = NearestNeighbourService(
        dataset="iris", neighbours=3, shards=2, front_end="f", servers=SERVERS, arrivals_per_s=50.0, queries=30
    )
    made = ServiceJob(
        service=NearestNeighbours(data=Bundled(name="iris"), neighbours=3),
        arrivals=Poisson(per_s=50.0),
        shards=2,
        front_end="f",
        servers=SERVERS,
        queries=30,
    )
    cluster = ClusterSpec(nodes=(NodeSpec(name="f"), *nodes("r", 2)))

    digests = [run(Scenario(cluster=cluster, job=job), 3).digest for job in (flat, made)]
    assert digests[0] == digests[1]
    with pytest.raises(ValueError, match="servers must be a multiple of the 2 shards, got 1"):
        flat.replace(servers=("r-0",))


def test_a_crash_of_the_front_end_forgets_what_a_balancer_remembers():
    known.clear()
    served([CrashNode(node="f", begin_s=2.0, end_s=2.1)], balancer=Counting())

    assert known.count(0) == 2


def test_what_a_replica_did_not_answer_is_outstanding_no_more():
    seen = []

    def looks(query, replicas, generator):
        seen.append({view.name: view.outstanding for view in replicas})
        return replicas[0].name

    down = CrashNode(node="r-0", begin_s=0.5, end_s=1.5)
    served([down], balancer=looks, arrivals=At(times_s=(1.0, 3.0)), queries=2, timeout_s=0.1)

    assert seen == [{"r-0": 0, "r-1": 0}, {"r-1": 0}, {"r-0": 0, "r-1": 0}]


def test_when_all_replicas_refuse_they_are_asked_again_after_the_time_out():
    cluster = ClusterSpec(nodes=(NodeSpec(name="f"), *nodes("r", 2)), network=NetworkSpec(failures="reported"))
    down = tuple(CrashNode(node=name, begin_s=0.5, end_s=1.9) for name in SERVERS)
    asked = {"service": Squares(), "arrivals": At(times_s=(1.0,)), "queries": 1}
    for timeout_s, attempts in ((0.25, 4 * 2 + 1), (None, 2 + 1)):  # both at 1 s, each time-out or second after, and up
        job = ServiceJob(**asked, front_end="f", servers=SERVERS, timeout_s=timeout_s)
        (row,) = run(Scenario(cluster=cluster, job=job, faults=down), 0).trace.rows("query")
        assert row["attempts"] == attempts


def test_the_view_of_a_replica_says_in_which_zone_it_stands():
    seen = []

    def looks(query, replicas, generator):
        seen.append([view.zone for view in replicas])
        return replicas[0].name

    machines = (NodeSpec(name="f"), NodeSpec(name="r-0", zone="near"), NodeSpec(name="r-1"))
    job = ServiceJob(
        service=Squares(), arrivals=At(times_s=(1.0,)), queries=1, front_end="f", servers=SERVERS, balancer=looks
    )
    run(Scenario(cluster=ClusterSpec(nodes=machines), job=job), 0)

    assert seen == [["near", None]]


def test_a_query_has_as_many_attempts_as_there_were_requests_to_replicas():
    _, rows = served(shards=2)

    assert {row["attempts"] for row in rows} == {2}


def test_a_client_thinks_anew_before_each_query():
    env, asked_s = Environment(), []

    def ask():
        asked_s.append(env.now)
        return env.timeout(0.0)

    env.process(Closed(clients=1, think_s=Exponential(mean=1.0)).run(env, ask, stream(0)))
    env.run(until=1000.0)
    gaps_s = np.diff(asked_s)

    # A thousand draws, whose mean and deviation have standard errors of 0.03 and 0.045.
    assert gaps_s.mean() == pytest.approx(1.0, abs=0.12)
    assert gaps_s.std() == pytest.approx(1.0, abs=0.18)


@pytest.mark.parametrize("begin_s", [0.0, 0.05, 0.5])
def test_a_front_end_that_never_restarts_loses_what_it_had_and_the_job_comes_to_its_end(begin_s):
    cluster = ClusterSpec(nodes=(NodeSpec(name="f"), *nodes("r", 2, flops_per_s=1e7)))
    job = ServiceJob(
        arrivals=Poisson(per_s=100), queries=30, front_end="f", servers=("r-0", "r-1"), when_down="lose"
    )
    gone = CrashNode(node="f", begin_s=begin_s)
    result = run(Scenario(cluster=cluster, job=job, faults=(gone,), horizon_s=60.0), 0)

    assert result.ended == "finished"
    assert len(result.outcome.answers) + len(result.outcome.lost) == 30
