"""Members that come back, join and leave, and what is refused of views and of changes of membership."""

import math

import pytest

from simcluster import NodeSpec, run
from simcluster.faults import CrashNode
from simcluster.replication import Asked, ChainReplication, Change, Craq, Mix, PrimaryBackup, Raft, Views
from tests.replication.strong import scenario

VIEWS = Views(master="m")


@pytest.mark.parametrize("scheme", [ChainReplication, Craq, PrimaryBackup])
@pytest.mark.parametrize("crashed", [("r-2",), ("r-1",), ("r-0",), ("r-1", "r-2"), ("r-0", "r-2")])
def test_reads_are_answered_after_a_crash_that_the_master_did_not_notice_though_nobody_writes(scheme, crashed):
    crashes = [CrashNode(node=name, begin_s=1.0, end_s=1.05) for name in crashed]
    reads = Mix(operations=10, mix={"read": 1}, per_s=5.0)
    under = scenario(scheme(views=VIEWS), extra=(NodeSpec(name="m"),), workload=reads).under(crashes)
    rows = run(under, 0).trace.rows("invoke", "complete")
    begun, failed = {}, []
    for row in rows:
        if row["kind"] == "invoke":
            begun[row["operation"]] = row["time_s"]
        elif row["status"] != "ok":
            failed.append(begun[row["operation"]])
    assert max(begun.values()) > 1.7
    assert all(begun_s < 1.05 for begun_s in failed), failed


@pytest.mark.parametrize("scheme", [ChainReplication, Craq])
def test_who_comes_back_takes_over_what_was_written_before_its_crash(scheme):
    class WritesThenReads:
        asks = ("read", "write")

        def client(self, number, clients, generator):
            yield Asked("write", f"k{number}", number, 0.5)
            for _ in range(5):
                yield Asked("read", f"k{number}", None, 0.3)

    under = scenario(scheme(views=VIEWS), extra=(NodeSpec(name="m"),), workload=WritesThenReads())
    under = under.replace(trace_kinds=("complete", "send"))
    result = run(under.under([CrashNode(node="r-2", begin_s=1.0, end_s=1.05)]), 0)
    sent = [row for row in result.trace.rows("send") if row["time_s"] > 1.0]
    taken = [row["target"] for row in sent if row["message_kind"] == "store.take_over"]
    assert taken == ["r-2"]  # once, and from nobody's new view
    assert [row["result"] for row in result.trace.rows("complete") if row["status"] != "ok"] == []
    assert sorted(row["result"] for row in result.trace.rows("complete") if row["result"] is not None) == [
        number for number in range(4) for _ in range(5)
    ]


@pytest.mark.parametrize("field", ["lease_s", "drift"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_a_lease_and_a_drift_are_finite_and_not_negative(field, value):
    with pytest.raises(ValueError, match=f"{field}: .* got {value}"):
        Views(master="m", **{field: value})


def test_a_drift_by_which_a_clock_may_stand_is_refused():
    with pytest.raises(ValueError, match=r"drift: .* less than 1, got 1\.0"):
        Views(master="m", lease_s=0.2, drift=1.0)


@pytest.mark.parametrize(
    ("voters", "changes", "said"),
    [
        (1, ["remove r-0"], "must leave a member, got remove 'r-0', the last"),
        (None, ["remove r-0", "remove r-1", "remove r-2"], "must leave a member, got remove 'r-2', the last"),
        (2, ["add r-1"], r"must add who is no member, .*got add 'r-1' where the members are \['r-0', 'r-1'\]"),
        (2, ["remove r-2"], "remove who is one, got remove 'r-2'"),
        (2, ["add r-2", "add r-2"], r"got add 'r-2' where the members are \['r-0', 'r-1', 'r-2'\]"),
        (None, ["remove r-1", "remove r-1"], "got remove 'r-1'"),
        (None, ["add c-0"], r"must be of the replicas, \['r-0', 'r-1', 'r-2'\], got 'c-0'"),
    ],
)
def test_changes_that_change_nothing_or_leave_no_member_are_refused(voters, changes, said):
    made = [Change(at_s=1.0, what=each.split()[0], node=each.split()[1]) for each in changes]
    with pytest.raises(ValueError, match=said):
        scenario(Raft(voters=voters, changes=made))


def test_members_that_leave_and_come_again_are_not_refused():
    again = [Change(at_s=1.0, what=what, node=node) for what, node in [("remove", "r-0"), ("add", "r-0")] * 2]
    scenario(Raft(changes=again))


def test_elections_at_one_time_are_refused():
    with pytest.raises(ValueError, match="election_s must rise"):
        Raft(election_s=(0.3, 0.3))
