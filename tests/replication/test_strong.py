"""Strong schemes: linearizable under any schedule of faults, and what each of them does in its own way."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from simcluster import NodeSpec, run
from simcluster.faults import CrashNode, DriftClock, Finding, PartitionBridge, PartitionNetwork, search_seeds
from simcluster.replication import (
    Abd,
    Causal,
    ChainReplication,
    Change,
    Craq,
    MultiPaxos,
    PrimaryBackup,
    Raft,
    Views,
)
from tests.replication.planted import BUGS, SEEDS
from tests.replication.strong import SmallDrift, scenario, swarm, trial

VIEWS, LEASED = Views(master="m"), Views(master="m", lease_s=0.1, drift=0.05)
SCHEMES = {
    "raft": (Raft(snapshot_entries=20), 3, DriftClock),
    "raft of five": (Raft(), 5, DriftClock),
    "raft, reads in the log": (Raft(reads="log", pre_vote=False), 3, DriftClock),
    "raft with leases": (Raft(reads="lease", drift=0.05), 3, SmallDrift),
    "multi-paxos": (MultiPaxos(snapshot_slots=20), 3, DriftClock),
    "multi-paxos of five": (MultiPaxos(batch_slots=3), 5, DriftClock),
    "primary-backup": (PrimaryBackup(views=VIEWS), 3, DriftClock),
    "semi-synchronous primary-backup": (PrimaryBackup(views=VIEWS, backups=1), 3, DriftClock),
    "chain": (ChainReplication(views=VIEWS), 3, DriftClock),
    "chain with leases": (ChainReplication(views=LEASED), 3, SmallDrift),
    "craq": (Craq(views=VIEWS), 3, DriftClock),
    "craq with leases": (Craq(views=LEASED), 3, SmallDrift),
}


def search(name, seeds):
    scheme, replicas, drift = SCHEMES[name]
    extra = () if isinstance(scheme, Raft | MultiPaxos) else (NodeSpec(name="m"),)
    under = scenario(scheme, replicas, extra=extra)
    return search_seeds(trial(under), swarm(under.cluster.names, drift).draw, seeds)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_strong_scheme_is_linearizable_whatever_happens(name):
    tally = search(name, range(20))
    assert not isinstance(tally, Finding), tally


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES)
def test_a_strong_scheme_is_linearizable_under_100_schedules(name):
    tally = search(name, range(20, 100))
    assert not isinstance(tally, Finding), tally


@pytest.mark.long
@pytest.mark.parametrize("name", SCHEMES)
def test_a_strong_scheme_is_linearizable_under_2000_schedules(name):
    tally = search(name, range(100, 2000))
    assert not isinstance(tally, Finding), tally


PAGE = (Path(__file__).parent.parent.parent / "docs" / "replication.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \| [^|]+ \|$", re.MULTILINE)
TABLE = {name: (int(seed), int(faults), int(operations)) for name, seed, faults, operations in ROW.findall(PAGE)}


def test_the_table_of_planted_bugs_has_each_with_few_faults_and_operations():
    assert list(TABLE) == list(BUGS)
    assert all(seed < 200 and faults <= 3 and operations <= 6 for seed, faults, operations in TABLE.values())


@pytest.mark.parametrize("name", BUGS)
def test_random_search_finds_a_planted_bug_as_soon_as_the_table_says(name):
    found = BUGS[name].find(range(TABLE[name][0] + 1))
    assert isinstance(found, Finding), f"{name}: {found}"
    assert found.rule == BUGS[name].rule


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("clock-skewed last writer", Abd()),
        ("missed tombstone", Abd()),
        ("non-monotonic session", Causal(sticky=False)),
    ],
)
def test_nothing_is_found_where_nothing_is_planted(name, scheme):
    tally = replace(BUGS[name], scheme=scheme).find(range(20))
    assert not isinstance(tally, Finding), tally


@pytest.mark.long
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_shrinks_to_what_the_table_says(name):
    found, plan = BUGS[name].small()
    assert (found.seed, len(found.faults), len(plan)) == TABLE[name]


@pytest.mark.parametrize("seed", [117, 243])
def test_craq_keeps_apart_what_a_batch_writes_twice_and_what_the_tail_has_not_taken_over(seed):
    for name in ("craq", "craq with leases"):
        assert not isinstance(search(name, [seed]), Finding)


def leaders(result):
    return [row["node"] for row in result.trace.rows("role") if row["role"] == "leader"]


def ran(scheme, faults=(), seed=0, replicas=3, **fields):
    under = scenario(scheme, replicas, extra=(NodeSpec(name="m"),), **fields).under(faults)
    return run(under.replace(trace_kinds=None), seed)


def test_a_crashed_leader_is_followed_by_another():
    first = leaders(ran(Raft()))[0]
    result = ran(Raft(), [CrashNode(node=first, begin_s=1.0, end_s=None)])
    assert leaders(result)[0] == first
    assert leaders(result)[-1] != first
    assert result.ended == "finished"
    (later, *_) = (row["time_s"] for row in result.trace.rows("role") if row["role"] == "leader" and row["time_s"] > 1)
    assert 1.0 < later < 1.0 + 2 * 0.3


def test_pre_vote_keeps_who_was_cut_off_from_deposing_a_leader():
    cut = [PartitionNetwork(groups=[["r-2"], ["r-0", "r-1"]], begin_s=0.6, end_s=2.0)]
    disturbed, kept = (
        {row["term"] for row in ran(Raft(pre_vote=pre_vote), cut, seed=3).trace.rows("role")}
        for pre_vote in (False, True)
    )
    assert len(kept) == 1
    assert len(disturbed) > 1


def test_members_join_and_leave_one_by_one_until_all_are_others():
    changes = [
        Change(at_s=0.2 * place, what=what, node=node)
        for place, (what, node) in enumerate(
            [("add", "r-3"), ("remove", "r-0"), ("add", "r-4"), ("remove", "r-1"), ("add", "r-5"), ("remove", "r-2")], 3
        )
    ]
    gone = [CrashNode(node=f"r-{place}", begin_s=3.0, end_s=None) for place in range(3)]
    result = ran(Raft(voters=3, changes=changes, snapshot_entries=30), gone, replicas=6)
    assert result.ended == "finished"
    assert leaders(result)[-1] in ("r-3", "r-4", "r-5")
    assert result.outcome["ok"] + result.outcome["fail"] == 240


def test_who_comes_back_late_is_brought_a_snapshot_in_place_of_a_log_that_is_gone():
    first = leaders(ran(Raft()))[0]
    late = next(name for name in ("r-0", "r-1", "r-2") if name != first)
    away = [CrashNode(node=late, begin_s=0.6, end_s=1.5)]
    for entries in (10, None):
        result = ran(Raft(snapshot_entries=entries), away)
        brought = {row["target"] for row in result.trace.rows("send") if row["message_kind"] == "store.snapshot"}
        assert brought == ({late} if entries else set())


def stale(drift, rate):
    """Whether a leader whose clock errs so much, cut off from the others and not from clients, is taken at its word."""
    raft = Raft(reads="lease", drift=drift, election_s=(0.3, 0.35))
    under = scenario(raft, 3, clients=6, operations=300, mix={"read": 99, "write": 1}, retry_s=0.02)
    for seed in range(4):
        first = leaders(run(under.replace(trace_kinds=("role",), horizon_s=0.8), seed))[0]
        others = [name for name in ("r-0", "r-1", "r-2") if name != first]
        cut = PartitionBridge(sides=[[first], others], begin_s=1.0, end_s=2.0)
        slow = DriftClock(node=first, rate=rate, begin_s=0.5, end_s=3.0)
        if trial(under)((slow, cut), seed) is not None:
            return True
    return False


def test_a_lease_is_safe_while_clocks_err_no_more_than_it_allows_for():
    assert not stale(drift=0.5, rate=-0.5)


def test_a_lease_is_unsafe_when_a_clock_errs_more_than_it_allows_for():
    assert stale(drift=0.01, rate=-0.5)


def test_without_flushing_raft_forgets_what_it_has_acknowledged():
    under = scenario(Raft(flush=False))
    crashes = [CrashNode(node=f"r-{place}", begin_s=2.0, end_s=2.1) for place in range(3)]
    assert trial(under)(tuple(crashes), 0).rule == "a history must be linearizable, not invalid"
    assert trial(scenario(Raft()))(tuple(crashes), 0) is None


def test_asynchronous_primary_backup_loses_updates_on_failover():
    under = scenario(PrimaryBackup(views=VIEWS, backups=0), extra=(NodeSpec(name="m"),))
    found = search_seeds(trial(under), swarm(under.cluster.names, DriftClock).draw, SEEDS)
    assert isinstance(found, Finding), found


def test_an_old_primary_is_fenced():
    cut = [PartitionNetwork(groups=[["r-0", "c-0"], ["r-1", "r-2", "m", "c-1", "c-2", "c-3"]], begin_s=1.0, end_s=2.5)]
    result = ran(PrimaryBackup(views=VIEWS), cut)
    views = [row["members"] for row in result.trace.rows("view")]
    assert any(members[0] == "r-1" for members in map(list, views)), views
    assert trial(scenario(PrimaryBackup(views=VIEWS), extra=(NodeSpec(name="m"),)))(tuple(cut), 0) is None


def test_any_copy_of_craq_answers_reads_and_only_the_tail_of_a_chain():
    def answered(scheme):
        rows = ran(scheme, mix={"read": 1}).trace.rows("send")
        return {row["source"] for row in rows if row["message_kind"] == "store.ask-reply" and row["size_bytes"] < 80}

    assert "r-1" in answered(Craq(views=VIEWS))


def test_more_votes_than_replicas_and_strange_members_are_refused():
    with pytest.raises(ValueError, match="voters must be at most the 3 replicas, got 4"):
        scenario(Raft(voters=4))
    with pytest.raises(ValueError, match="backups must be fewer than the 3 replicas, got 3"):
        scenario(PrimaryBackup(views=VIEWS, backups=3))
    with pytest.raises(ValueError, match="master must name a node of the cluster"):
        scenario(PrimaryBackup(views=VIEWS))
    with pytest.raises(ValueError, match="must be of the replicas"):
        scenario(Raft(changes=[Change(at_s=1.0, what="add", node="r-9")]))
    with pytest.raises(ValueError, match="election_s must rise"):
        Raft(election_s=(0.3, 0.2))
