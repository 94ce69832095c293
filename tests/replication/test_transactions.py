"""Transactions: what each isolation keeps and breaks, what a crash between the phases blocks, what a saga undoes."""

from typing import Any, NamedTuple

import pytest

from simcluster.faults import CrashNode, IsolateNode
from simcluster.measurement.checkers.transactions.list_append import list_append
from simcluster.measurement.checkers.transactions.rw_register import rw_register
from simcluster.measurement.histories import History
from simcluster.replication import (
    Saga,
    read_committed,
    serializable,
    snapshot_isolation,
)
from tests.replication.transactional import MIX, not_at, ran, scripted, torn


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
FAST, DEFAULT, LONG = range(3), range(3, 100), range(100, 2000)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(FAST, id="3 schedules"),
        pytest.param(DEFAULT, id="100 schedules", marks=pytest.mark.slow),
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
