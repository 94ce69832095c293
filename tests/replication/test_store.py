"""The job of a replicated store: what clients ask and write down, whatever becomes of them."""

from collections import Counter
from typing import Any

import pytest

from simcluster import ClusterSpec, NetworkSpec, Scenario, Together, nodes, run
from simcluster.cluster import TimedOut
from simcluster.engine import Constant
from simcluster.faults import CrashNode, PauseNode
from simcluster.measurement.histories import BadHistory, History
from simcluster.replication import Abd, Asked, Eventual, GCounter, Mix, Quorum, Refused, ReplicatedStore


class Scripted:
    """A scheme whose every operation does what the test says."""

    operations = ("read", "write", "cas")

    def __init__(self, does):
        self.does = does
        self.sessions = []

    def refuses(self, replicas):
        return None

    def start(self, replicas):
        pass

    def session(self, replicas, node, client):
        self.sessions.append(client)
        return _Session(self.does, node)


class _Session:
    def __init__(self, does, node):
        self.does, self.node = does, node

    def ask(self, operation):
        return self.does(self.node, operation)


def scenario(does, faults=(), clients=("c-0",), workload=None, **fields):
    workload = workload or Mix(operations=3, mix={"write": 1})
    scheme = does if hasattr(does, "session") else Scripted(does)
    job = ReplicatedStore(scheme=scheme, replicas=("r-0",), clients=clients, workload=workload, **fields)
    cluster = ClusterSpec(nodes=(*nodes("r", 1), *nodes("c", 2)), network=NetworkSpec(latency=Constant(value=0.1)))
    return Scenario(cluster=cluster, job=job, faults=tuple(faults), horizon_s=100.0)


def rows(result, kind):
    return [list(row.values())[2:-1] for row in result.trace.rows(kind)]  # without the time, the kind and the store


def slowly(node, operation):
    yield node.timer(1.0)
    return operation.value


def test_each_operation_is_recorded_as_it_begins_and_as_it_ends():
    result = run(scenario(slowly, timeout_s=5.0, workload=Mix(operations=2, mix={"write": 1}, keys=1)), 0)

    assert rows(result, "invoke") == [[0, 0, "write", "k0", 1], [0, 1, "write", "k0", 2]]
    assert rows(result, "complete") == [[0, "ok", 1], [1, "ok", 2]]
    assert [row["time_s"] for row in result.trace.rows("complete")] == [1.0, 2.0]
    assert result.outcome == {"ok": 2}


@pytest.mark.parametrize(
    ("f", "failure", "status"),
    [("write", TimedOut, "info"), ("cas", Refused, "fail"), ("read", TimedOut, "fail"), ("read", Refused, "fail")],
)
def test_a_definite_failure_is_a_fail_and_an_indefinite_one_an_info_but_of_a_read(f, failure, status):
    def does(node, operation):
        yield node.timer(0.1)
        raise failure("so")

    result = run(scenario(does, workload=Mix(operations=1, mix={f: 1})), 0)

    assert [row["status"] for row in result.trace.rows("complete")] == [status]


def test_who_does_not_know_what_became_of_an_operation_goes_on_as_another_process_with_a_new_session():
    def does(node, operation):
        yield node.timer(9.0 if operation.number == 1 else 0.1)

    scheme = Scripted(does)
    three = Mix(operations=3, mix={"write": 1})
    result = run(scenario(scheme, clients=("c-0", "c-1"), timeout_s=1.0, workload=three), 0)
    processes = [row["process"] for row in result.trace.rows("invoke")]

    assert sorted(Counter(processes).values()) == [1, 2, 3]
    assert result.outcome == {"ok": 5, "info": 1}
    assert len(History.of(result.trace)) == 6


def test_an_operation_that_takes_too_long_is_closed_and_what_it_waited_for_is_nobodys_error():
    closed = []

    def fails(node):
        yield node.timer(2.0)
        raise Refused("late")

    def does(node, operation):
        try:
            yield node.spawn(fails(node))
        finally:
            closed.append(node.env.now)

    result = run(scenario(does, timeout_s=1.0, workload=Mix(operations=1, mix={"write": 1}), settle_s=5.0), 0)

    assert closed[0] == 1.0
    assert result.outcome == {"info": 1, "fail": 1}


def test_what_fails_while_it_is_awaited_is_the_operations_to_handle():
    def does(node, operation):
        try:
            yield node.request("r-0", "nothing", timeout_s=0.1)
        except TimedOut:
            yield node.timer(0.1)
            return "handled"

    assert rows(run(scenario(does), 0), "complete")[0] == [0, "ok", "handled"]


def test_an_answer_in_the_moment_in_which_the_time_is_up_counts():
    result = run(scenario(slowly, timeout_s=1.0, workload=Mix(operations=1, mix={"write": 1})), 0)

    assert result.outcome in ({"ok": 1}, {"info": 1})  # which of both comes first is the loop's to say

    def fails(node, operation):
        yield node.request("r-0", "nothing", timeout_s=1.0)

    assert run(scenario(fails, timeout_s=1.0), 0).outcome == {"info": 3}


def test_a_crash_of_a_client_leaves_its_operation_open_and_it_goes_on_with_the_next():
    result = run(scenario(slowly, [CrashNode(node="c-0", begin_s=1.5, end_s=4.0)], timeout_s=5.0), 0)

    assert [row["operation"] for row in result.trace.rows("complete")] == [0, 2]
    assert [row["process"] for row in result.trace.rows("invoke")] == [0, 0, 1]
    assert next(each for each in History.of(result.trace) if each.operation == 1).status == "info"
    assert result.outcome == {"ok": 2}


def test_a_crash_while_a_client_thinks_costs_it_no_operation():
    thinking = Mix(operations=3, mix={"write": 1}, think_s=Constant(value=1.0))
    result = run(scenario(slowly, [CrashNode(node="c-0", begin_s=2.5, end_s=4.0)], timeout_s=5.0, workload=thinking), 0)

    assert result.outcome == {"ok": 3}
    assert [row["time_s"] for row in result.trace.rows("invoke")] == [1.0, 5.0, 7.0]


def test_at_a_rate_operations_begin_on_time_and_a_late_one_at_once():
    def does(node, operation):
        yield node.timer(2.5 if operation.number == 1 else 0.25)

    steady = Mix(operations=5, mix={"write": 1}, per_s=1.0)
    result = run(scenario(does, timeout_s=5.0, workload=steady), 0)

    assert [row["time_s"] for row in result.trace.rows("invoke")] == [1.0, 2.0, 4.5, 5.5, 6.5]


def test_at_the_end_all_clients_read_all_keys_once():
    done = scenario(slowly, clients=("c-0", "c-1"), timeout_s=5.0, settle_s=7.0, workload=Mix(operations=2, keys=9))
    result = run(done, 0)
    asked = [row for row in result.trace.rows("invoke")]
    keys = {row["key"] for row in asked[:4]}

    assert [row["time_s"] for row in asked[4:6]] == [9.0, 9.0]
    assert Counter((row["process"], row["key"]) for row in asked[4:]) == {(p, k): 1 for p in (0, 1) for k in keys}
    assert {row["f"] for row in asked[4:]} == {"read"}


def test_a_client_that_is_down_reads_at_the_end_when_it_is_back():
    faults = [CrashNode(node="c-1", begin_s=8.0, end_s=12.0), PauseNode(node="c-0", begin_s=8.9, end_s=10.0)]
    result = run(scenario(slowly, faults, clients=("c-0", "c-1"), timeout_s=5.0, settle_s=6.0), 0)

    ends = {row["operation"]: row["time_s"] for row in result.trace.rows("complete")}
    reads = [row for row in result.trace.rows("invoke") if row["f"] == "read"]

    assert [(row["process"], row["time_s"]) for row in reads] == [(0, 9.0), (2, 12.0)]
    assert ends[reads[-1]["operation"]] == result.ended_s == 13.0


def test_a_client_that_is_back_before_the_others_have_read_everything_ends_nothing():
    faults = [CrashNode(node="c-1", begin_s=8.0, end_s=12.0), CrashNode(node="c-0", begin_s=12.2, end_s=12.5)]
    result = run(scenario(slowly, faults, clients=("c-0", "c-1"), timeout_s=5.0, settle_s=6.0), 0)

    assert result.ended_s == 13.0


class TwoThings:
    """A workload of one's own: what it asks depends on what came."""

    asks = ("write", "cas")

    def client(self, number, clients, generator):
        given = yield Asked("write", "k", "a")
        yield Asked("cas", "k", ("a", f"{given}"))


def test_a_workload_learns_what_came_of_what_it_asked():
    result = run(scenario(lambda node, operation: iter(()), workload=TwoThings()), 0)

    assert [row["value"] for row in result.trace.rows("invoke")] == ["a", ("a", "True")]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"scheme": Quorum(reads=3)}, r"reads must be at most the 2 replicas, got 3"),
        ({"scheme": Quorum(copies=3)}, r"copies must be at most the 2 replicas, got 3"),
        ({"workload": Mix(mix={"cas": 1})}, r"workload must ask .* that Abd has, \['read', 'write'\], got 'cas'"),
        ({"replicas": ("r-0", "r-0")}, r"replicas must differ, got 'r-0' more than once"),
        ({"clients": ("c-0", "c-0")}, r"clients must differ, got 'c-0' more than once"),
        ({"scheme": Eventual(data=GCounter())}, r"workload must ask operations that Eventual has, .* got 'write'"),
        ({"scheme": object()}, r"Replication must have"),
        ({"workload": object()}, r"Workload must have"),
        ({"timeout_s": 0}, r"timeout_s"),
    ],
)
def test_what_does_not_go_together_is_refused_when_it_is_made(fields, rule):
    given: dict[str, Any] = {"scheme": Abd(), "replicas": ("r-0", "r-1"), "clients": ("c-0",), **fields}
    with pytest.raises(ValueError, match=rule):
        ReplicatedStore(**given)


def test_more_answers_than_copies_of_a_key_are_refused():
    with pytest.raises(ValueError, match="writes must be at most the 2 copies of a key, got 3"):
        Quorum(copies=2, writes=3)


def test_figures_say_how_many_ended_how_how_fast_and_at_what_cost():
    def does(node, operation):
        yield node.timer(0.1 * (operation.number + 1))
        if operation.number == 3:
            raise Refused("no")
        node.send("r-0", "store.word")
        node.send("r-0", "another.word")

    result = run(scenario(does, workload=Mix(operations=4, mix={"write": 1})), 0)
    figures = result.metrics

    assert {name: figures[name] for name in ("operations_ok", "operations_failed", "operations_unknown")} == {
        "operations_ok": 3, "operations_failed": 1, "operations_unknown": 0,
    }  # fmt: skip
    assert figures["availability"] == 0.75
    assert figures["operation_s_p50"] == figures["write_s_p50"] == pytest.approx(0.2)
    assert figures["throughput_per_s"] == pytest.approx(3.0)
    assert figures["messages_per_operation"] == 0.75
    assert list(result.series["operation"]["status"]) == ["ok", "ok", "ok", "fail"]
    assert list(result.series["operation"]["latency_s"]) == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_two_stores_in_one_run_each_have_the_history_and_the_figures_that_they_have_alone():
    alone = [
        scenario(slowly, name=name, timeout_s=5.0, clients=("c-0", "c-1"), workload=Mix(operations=count))
        for name, count in (("s", 3), ("t", 2))
    ]
    both = run(alone[0].replace(job=Together(jobs=[each.job for each in alone])), 0)

    with pytest.raises(BadHistory, match="a history is of one store, got 't' after 's'"):
        History.of(both.trace)
    with pytest.raises(ValueError, match=r"store must be one that was asked something, \['s', 't'\], got 'u'"):
        History.of(both.trace, store="u")
    for name, each in zip("st", alone, strict=True):
        result = run(each, 0)
        history = History.of(result.trace)
        assert len(history) > 0
        assert History.of(both.trace, store=name) == History.of(result.trace, store=name) == history
        figures = {key: value for key, value in result.metrics.items() if key.startswith("operation")}
        assert figures["operations_ok"] == len(history)
        for key, value in figures.items():
            assert both.metrics[f"{name}.{key}"] == value
        assert both.series[f"{name}.operation"].equals(result.series["operation"])


def test_what_a_copy_applies_is_told_of_its_store():
    def job(name):
        quorum = Quorum(writes=1, reads=1)
        writes = Mix(operations=2, mix={"write": 1})
        return ReplicatedStore(scheme=quorum, replicas=("r-0",), clients=("c-0",), workload=writes, name=name)

    cluster = ClusterSpec(nodes=(*nodes("r", 1), *nodes("c", 1)), network=NetworkSpec(latency=Constant(value=0.01)))
    result = run(Scenario(cluster=cluster, job=Together(jobs=(job("s"), job("t"))), horizon_s=100.0), 0)

    for name in "st":
        applied = History.of(result.trace, store=name).applied
        assert {each: [node for node, _ in taken] for each, taken in applied.items()} == {0: ["r-0"], 1: ["r-0"]}
