"""Parts of transactions: stamps, locks, what a shard answers to messages that come late, what is refused."""

from itertools import pairwise

import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.cluster import Failure
from simcluster.engine import stream
from simcluster.faults import CrashNode, IsolateNode, LoseMessages
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
from tests.replication.transactional import MIX, scenario, scripted, torn

TRANSFER = [(0.1, ("append", "x", 1), ("append", "z", 1))]
LOST_UPDATE = [
    [(0.1, ("r", "x", None), ("r", "z", None), ("append", "x", 1))],
    [(0.101, ("r", "x", None), ("append", "x", 2))],  # so that the older one waits
]


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


@pytest.mark.parametrize(("isolation", "seen"), [(read_committed, (None, (1,))), (snapshot_isolation, (None, None))])
def test_a_snapshot_does_not_change_while_it_is_read(isolation, seen):
    reader = [(0.1, ("r", "x", None), *(("r", key, None) for key in "abcdefgh"), ("r", "z", None))]
    read = History.of(scripted(isolation, reader, [(0.11, ("append", "x", 1), ("append", "z", 1))]).trace).operations[0]

    assert (read.result[0][2], read.result[-1][2]) == seen


def test_a_saga_that_its_client_gives_up_is_taken_back():
    cut = IsolateNode(node="s-1", begin_s=0.0, end_s=1.0)
    result = scripted(Saga(attempts=50), TRANSFER, faults=[cut], timeout_s=0.3)

    assert [each.status for each in History.of(result.trace)] == ["info", "ok"]
    assert History.of(result.trace).operations[-1].result[0][2] in (None, ())


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


