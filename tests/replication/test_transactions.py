"""Transactions: what each isolation keeps and breaks, what a crash between the phases blocks, what a saga undoes."""

from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.cluster import Failure
from simcluster.engine import stream
from simcluster.faults import CrashNode, IsolateNode, LoseMessages
from simcluster.measurement.checkers.transactions.list_append import list_append
from simcluster.measurement.checkers.transactions.rw_register import rw_register
from simcluster.measurement.histories import History
from simcluster.replication import (
    Abd,
    Asked,
    Mix,
    Refused,
    ReplicatedStore,
    Saga,
    ShardedStore,
    TransactionMix,
    read_committed,
    serializable,
    snapshot_isolation,
)
from simcluster.replication.transactions.lock_table import LockTable
from simcluster.replication.transactions.oracle import oracle
from simcluster.replication.transactions.shard import Shard
from simcluster.replication.transactions.store import Store
from tests.replication.transactional import MIX, not_at, ran, scenario, scripted, torn


class Promise(NamedTuple):
    """An isolation, what its runs must show, and what some run must break: what the next stronger one promises."""

    isolation: Any
    keeps: tuple[Any, ...]
    breaks: Any = None


PROMISES = {
    "saga": Promise(Saga(), (torn,), not_at("read-committed")),
    "read committed": Promise(read_committed, (torn, not_at("read-committed")), not_at("snapshot-isolation")),
    "snapshot": Promise(snapshot_isolation, (torn, not_at("snapshot-isolation")), not_at("serializable")),
    "serialisable": Promise(serializable, (torn, not_at("serializable", realtime=True))),
}
FAST, DEFAULT, LONG = range(3), range(3, 20), range(20, 2000)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(FAST, id="3 schedules"),
        pytest.param(DEFAULT, id="20 schedules", marks=pytest.mark.slow),
        pytest.param(LONG, id="2000 schedules", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("name", PROMISES)
def test_an_isolation_keeps_its_promise_under_any_schedule(name, seeds):
    promise = PROMISES[name]
    for seed in seeds:
        result = ran(promise.isolation, seed)
        assert result.outcome["ok"] > 25
        assert [(seed, broken) for check in promise.keeps if (broken := check(result))] == []


@pytest.mark.parametrize("name", [name for name, promise in PROMISES.items() if promise.breaks])
def test_and_breaks_within_200_schedules_what_the_next_stronger_one_promises(name):
    promise = PROMISES[name]

    assert any(promise.breaks(ran(promise.isolation, seed)) for seed in range(200))


@pytest.mark.parametrize("isolation", [serializable, Saga()], ids=["two phases", "saga"])
def test_what_is_not_flushed_is_lost_or_half_there_within_200_schedules(isolation):
    assert any(torn(ran(isolation, seed, flush=False)) for seed in range(200))


@pytest.mark.parametrize("isolation", [read_committed, snapshot_isolation, serializable])
def test_of_registers_too_each_level_keeps_what_it_promises(isolation):
    level = {read_committed: "read-committed", snapshot_isolation: "snapshot-isolation"}.get(isolation, "serializable")
    for seed in range(3):
        result = ran(isolation, seed, workload=MIX.replace(writes="w"))
        judgement = rw_register(History.of(result.trace), level)
        assert judgement.valid, (seed, str(judgement))


# The anomalies, written down

LOST_UPDATE = [
    [(0.1, ("r", "x", None), ("r", "z", None), ("append", "x", 1))],
    [(0.101, ("r", "x", None), ("append", "x", 2))],  # so that the older one waits
]
WRITE_SKEW = [
    [(0.1, ("r", "x", None), ("r", "z", None), ("append", "x", 1))],
    [(0.1, ("r", "x", None), ("r", "z", None), ("append", "z", 2))],
]


@pytest.mark.parametrize(
    ("isolation", "lost_update", "write_skew"),
    [(read_committed, True, True), (snapshot_isolation, False, True), (serializable, False, False)],
)
def test_of_two_at_once_each_level_forbids_what_the_weaker_one_allows(isolation, lost_update, write_skew):
    for scripts, found in ((LOST_UPDATE, lost_update), (WRITE_SKEW, write_skew)):
        history = History.of(scripted(isolation, *scripts).trace)
        both = [each.status for each in history][:2] == ["ok", "ok"]
        assert both == found
        assert list_append(history).valid == (not found)


@pytest.mark.parametrize("isolation", [read_committed, snapshot_isolation, serializable, Saga()])
def test_a_transaction_sees_its_own_changes_and_what_was_there_before(isolation):
    steps = (("append", "x", 2), ("r", "x", None), ("w", "z", 5), ("r", "z", None), ("r", "b", None))
    result = scripted(isolation, [(0.1, ("append", "x", 1)), (0.1, *steps)])

    second = History.of(result.trace).operations[1].result
    assert [value for _, _, value in second] == [2, (1, 2), 5, 5, None]


# A coordinator that crashes between the phases

TRANSFER = [(0.1, ("append", "x", 1), ("append", "z", 1))]
PROBES = [(0.05, ("r", "x", None), ("append", "z", 100 + place)) for place in range(60)]


def voted_s():
    """When the last shard votes for the transfer."""
    trace = scripted(serializable, TRANSFER, []).trace
    votes = {row["node"]: row["time_s"] for row in trace.rows("vote") if row["writes"]}
    assert {*votes} == {"s-0", "s-1"}  # the keys lie apart
    return max(votes.values())


@pytest.mark.parametrize("down_s", [0.5, 1.5])
def test_a_coordinator_that_crashes_between_the_phases_blocks_shards_and_all_who_want_their_keys(down_s):
    vote_s = voted_s()
    crash = CrashNode(node="c-0", begin_s=vote_s + 0.0005, end_s=vote_s + 0.0005 + down_s)

    result = scripted(serializable, TRANSFER, PROBES, faults=[crash])
    history = History.of(result.trace).operations
    meanwhile = [each for each in history if crash.begin_s < each.invoke_s and each.complete_s < crash.end_s]
    later = [each for each in history if each.invoke_s > crash.end_s + 0.2]

    assert result.metrics["in_doubt_s_max"] == pytest.approx(down_s, abs=0.11)  # and until a shard asks again
    assert {*result.series["in_doubt"]["outcome"]} == {"abort", "commit"}  # the probes', later
    assert len(meanwhile) > 5
    assert {each.status for each in meanwhile} == {"fail"}
    assert {each.status for each in later} == {"ok"}
    assert torn(result) is None


def test_reads_that_lock_nothing_and_sagas_are_not_blocked():
    vote_s = voted_s()
    crash = CrashNode(node="c-0", begin_s=vote_s + 0.0005, end_s=2.0)
    reads = [(0.05, ("r", "x", None))] * 20

    blocked = scripted(read_committed, TRANSFER, reads, faults=[crash])
    assert {each.status for each in History.of(blocked.trace) if each.process == 1} == {"ok"}
    saga = scripted(Saga(), TRANSFER, PROBES, faults=[crash])
    assert [each.status for each in History.of(saga.trace) if each.process == 1].count("ok") == len(PROBES) + 1
    assert saga.metrics["in_doubt_s_max"] == 0.0


def test_who_has_not_voted_is_not_blocked():
    vote_s = voted_s()
    crash = CrashNode(node="c-0", begin_s=vote_s - 0.004, end_s=2.0)  # it has its locks, and asks for votes

    result = scripted(serializable, TRANSFER, PROBES, faults=[crash])

    assert result.metrics["in_doubt_s_max"] < 0.1
    assert [each.status for each in History.of(result.trace) if each.process == 1].count("ok") > 50


@pytest.mark.parametrize("isolation", [serializable, snapshot_isolation, Saga()], ids=["locks", "stamps", "saga"])
@pytest.mark.parametrize("node", ["c-0", "s-0", "s-1"])
def test_a_crash_at_any_moment_leaves_all_or_nothing(isolation, node):
    found = set()
    for place in range(24):
        begin_s = 0.1005 + 0.001 * place
        crash = CrashNode(node=node, begin_s=begin_s, end_s=begin_s + 0.4)
        result = scripted(isolation, TRANSFER, [], faults=[crash])
        assert torn(result) is None, begin_s
        history = History.of(result.trace).operations
        (seen,) = {each.result for each in history if each.status == "ok" and each.value[0][0] == "r"}
        found.add(seen[0][2])
    assert found == {None, (1,)} or node != "c-0"


def test_a_saga_that_cannot_go_on_takes_back_what_others_have_seen():
    cut = IsolateNode(node="s-1", begin_s=0.0, end_s=1.0)
    result = scripted(Saga(), TRANSFER, [(0.15, ("r", "x", None))], faults=[cut], timeout_s=5.0)
    transfer, read, *_ = History.of(result.trace).operations

    assert (transfer.status, read.result) == ("fail", (("r", "x", (1,)),))
    assert torn(result) is None
    assert [each.name for each in list_append(History.of(result.trace), "read-committed").anomalies] == ["G1a"]


# Parts

def test_stamps_grow_through_crashes_and_lost_messages():
    stamps = []

    class Asking:
        def start(self, cluster, seed):
            done = cluster.env.event()
            cluster["s"].boot(lambda node: oracle(node, "now"))

            def client(node):
                while len(stamps) < 60:
                    try:
                        stamps.append((yield node.request("s", "now", timeout_s=0.05)).body)
                        yield node.timer(0.005)
                    except Failure:
                        yield node.timer(0.01)
                done.succeed()

            cluster["c"].boot(client)
            return done

    cluster = ClusterSpec(nodes=(NodeSpec(name="s"), NodeSpec(name="c")))
    crashes = [CrashNode(node="s", begin_s=each / 10, end_s=each / 10 + 0.01) for each in range(1, 4)]
    faults = (*crashes, LoseMessages(probability=0.3, begin_s=0.0, end_s=0.4))
    run(Scenario(cluster=cluster, job=Asking(), faults=faults, horizon_s=60.0), 0)

    assert all(one < other for one, other in pairwise(stamps))
    assert stamps[-1] > 3000  # each crash skips what may have been given


def asked_of_a_shard(*messages, crash_before):
    """What a shard answers to messages of one client, one after another, where it crashes before one of them."""
    answers = []

    class Talk:
        def start(self, cluster, seed):
            done = cluster.env.event()
            rest = dict.fromkeys(("applied", "voted", "learned"), lambda *_: None)
            store = Store(cluster, "store", ("s",), 9.0, True, **rest)
            cluster["s"].boot(lambda node: Shard(node, store).run())

            def client(node):
                for place, (word, *body) in enumerate(messages):
                    if place == crash_before:
                        cluster["s"].crash(), cluster["s"].restart()
                    answers.append((yield node.request("s", f"store.{word}", tuple(body), timeout_s=1.0)).body)
                done.succeed()

            cluster["c"].boot(client)
            return done

    run(Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="s"), NodeSpec(name="c"))), job=Talk(), horizon_s=60.0), 0)
    return answers


NAME, WRITES = (1, "c"), (("append", "x", 5),)
LOCK = ("step", NAME, "x", "exclusive", None)


def test_a_lock_that_a_crash_has_taken_is_not_had_again_by_a_message_that_comes_late():
    for asked in (("step", NAME, "x", "shared", None), LOCK):
        first, late, vote = asked_of_a_shard(asked, asked, ("prepare", NAME, 1, ()), crash_before=1)
        assert first == (None, 1, None)
        assert late == (None, 2, None)
        assert vote is False


@pytest.mark.parametrize("crash_before", [None, 2, 3, 4, 5])
def test_a_vote_holds_through_a_crash_and_what_is_repeated_is_done_once(crash_before):
    prepare, commit = ("prepare", NAME, 1, WRITES), ("commit", NAME, True, 7)
    other, read = ("step", (2, "c"), "x", "shared", None), ("step", (3, "c"), "x", None, None)
    stale = ("commit", NAME, False, 0)  # of a coordinator that has forgotten, for all have acknowledged
    asked = (LOCK, prepare, prepare, other, commit, commit, stale, prepare, read)
    answers = asked_of_a_shard(*asked, crash_before=crash_before)

    assert answers[1:3] == [True, True]
    assert answers[3][0] == "an older transaction has locked 'x'"
    assert answers[7] is True
    assert answers[8][2] == (5,)


@pytest.mark.parametrize("crash_before", [None, 1, 2, 3])
def test_what_was_undone_is_not_done_by_a_message_that_comes_late(crash_before):
    do, read = ("do", NAME, 0, "append", "x", 5), ("step", (3, "c"), "x", None, None)

    assert asked_of_a_shard(do, do, read, crash_before=crash_before)[2][2] == (5,)
    done, _, late, seen = asked_of_a_shard(do, ("undo", NAME, ("x",)), do, read, crash_before=crash_before)
    assert (done, late) == (True, False)
    assert seen[2] in (None, ())


def test_the_older_waits_and_the_younger_dies():
    table = LockTable()
    old, middle, young = ((number, "c") for number in (1, 2, 3))

    assert table.take(middle, "x", "shared") == "granted"
    assert table.take(young, "x", "shared") == "granted"
    assert table.take(old, "x", "exclusive") == "wait"
    assert table.take(young, "x", "exclusive") == "die"
    table.release(young)
    assert table.take(middle, "x", "exclusive") == "granted"
    assert table.take(middle, "x", "shared") == "granted"
    assert table.is_written("x", old)
    assert not table.is_written("x", middle)


def test_who_waits_for_a_lock_gets_it_as_soon_as_it_is_free():
    older, younger = History.of(scripted(read_committed, *LOST_UPDATE, settle_s=None).trace).operations

    assert older.status == younger.status == "ok"
    assert younger.complete_s < older.complete_s < older.invoke_s + 0.035  # and asks not again after retry_s, 0.05 s


def test_who_meets_the_lock_of_an_older_one_fails_at_once():
    second = [(0.1055, ("append", "x", 2))]
    _, younger = History.of(scripted(serializable, TRANSFER, second, settle_s=None).trace)

    assert younger.status == "fail"
    assert younger.complete_s - younger.invoke_s < 0.005


def no_commit(transaction):
    yield from transaction.lock("x")


def no_lock(transaction):
    transaction.write("append", "x", 1)
    yield from transaction.commit()


def refuses(transaction):
    yield from transaction.lock("x")
    raise Refused("never")


def test_an_isolation_of_ones_own_is_told_what_it_lacks():
    with pytest.raises(ValueError, match="must commit a transaction or raise a Failure, got neither"):
        scripted(no_commit, TRANSFER)
    with pytest.raises(ValueError, match="must have locked what it writes before it commits, got 'x'"):
        scripted(no_lock, TRANSFER)
    result = scripted(refuses, TRANSFER)
    assert [each.status for each in History.of(result.trace)] == ["fail", "fail"]
    for step in (("cas", "x", 1), ("r", 7, None), ("r", "x"), "r"):
        with pytest.raises(ValueError, match=r"a step of a transaction must be \(f, key, value\) .* got"):
            scripted(serializable, [(0.1, step)])


@pytest.mark.parametrize("isolation", [snapshot_isolation, serializable, Saga()], ids=["stamps", "locks", "saga"])
def test_a_node_may_be_shard_and_client_at_once(isolation):
    machines = nodes("n", 3)
    names = tuple(machine.name for machine in machines)
    job = ShardedStore(isolation=isolation, shards=names, clients=names, workload=MIX, timeout_s=0.5, settle_s=3.0)
    crash = CrashNode(node="n-0", begin_s=0.2, end_s=0.6)
    result = run(Scenario(cluster=ClusterSpec(nodes=machines), job=job, faults=(crash,), horizon_s=60.0), 0)

    assert result.outcome["ok"] > 25
    assert torn(result) is None


def test_figures_are_those_of_the_records_that_are_kept():
    bare = scenario(serializable, workload=MIX.replace(operations=3)).replace(trace_kinds=("invoke", "complete"))
    result = run(bare, 0)

    assert result.metrics["operations_ok"] == result.outcome["ok"]
    assert "in_doubt_s_max" not in result.metrics
    assert {*result.series} >= {"operation"}


def test_what_does_not_go_together_is_refused():
    with pytest.raises(ValueError, match=r"workload must ask transactions, .* got 'read'"):
        scenario(serializable, workload=Mix())
    with pytest.raises(ValueError, match="got 'txn'"):
        ReplicatedStore(scheme=Abd(), replicas=("a",), clients=("b",), workload=TransactionMix())
    with pytest.raises(ValueError, match="shards must differ"):
        ShardedStore(shards=("a", "a"), clients=("b",))


def test_a_workload_asks_no_key_twice_of_one_transaction_and_writes_each_number_once():
    mix = TransactionMix(operations=200, most_steps=5, keys=2)
    asked = [each for number in (0, 1) for each in mix.client(number, 2, stream(0, "asks", number))]
    written = [value for each in asked for f, _, value in each.value if f == "append"]

    assert isinstance(asked[0], Asked)
    assert {len(each.value) for each in asked} == {1, 2, 3, 4, 5}
    assert len(written) == len({*written})
    for each in asked:
        reads = [key for f, key, _ in each.value if f == "r"]
        assert len(reads) == len({*reads})


def test_a_run_without_faults_is_never_in_doubt_for_long_and_says_so():
    result = run(scenario(serializable, workload=MIX.replace(operations=10)), 0)

    assert 0.0 < result.metrics["in_doubt_s_max"] < 0.1
    assert result.metrics["in_doubt_s_total"] >= result.metrics["in_doubt_s_max"]
    assert result.metrics["operations_ok"] == result.outcome["ok"]
    frame = result.series["in_doubt"]
    assert (frame["until_s"] > frame["since_s"]).all()


