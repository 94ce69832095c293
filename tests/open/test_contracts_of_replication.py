"""What a replication scheme and a workload promise, asked of all that are built in and of that of docs/your_own.md."""

import runpy
from pathlib import Path

import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, Together, nodes, run
from simcluster.engine import stream
from simcluster.measurement.histories import History
from simcluster.replication import Eventual, Mix, Quorum, ReplicatedStore
from tests.built_ins import one, words
from tests.replication.stores import A_FEW as FAULTS

#: Each scheme, and on how many nodes.
SCHEMES = {
    **{word: (one("Replication", word), 3) for word in words("Replication")},
    **{f"eventual {word}": (Eventual(data=one("DataType", word)), 3) for word in words("DataType")},
    "sloppy quorum": (Quorum(copies=3, sloppy=True), 4),
    "own": (None, 1),
}
COUNTERS = ("eventual g_counter", "eventual pn_counter")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The scheme of the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("own"))
        return runpy.run_path(str(Path(__file__).parent / "replication.py"), run_name="own_replication")["OneCopy"]()


def scenario(which, own, **fields):
    scheme, count = SCHEMES[which]
    scheme = scheme or own
    machines = (*nodes("n", count), *nodes("c", 2), NodeSpec(name="m"))
    asked = ("read", "write") if "cas" in scheme.operations else scheme.operations
    job = ReplicatedStore(
        scheme=scheme,
        replicas=tuple(machine.name for machine in machines[:count]),
        clients=("c-0", "c-1"),
        workload=Mix(operations=60, keys=2, mix=dict.fromkeys(asked, 1.0), per_s=40.0),
        **{"timeout_s": 0.3, "retry_s": 0.05, **fields},
    )
    return Scenario(cluster=ClusterSpec(nodes=machines), job=job, faults=FAULTS, horizon_s=60.0)


every_scheme = pytest.mark.parametrize("name", SCHEMES)


@every_scheme
def test_a_scheme_gives_the_same_twice_in_one_process_and_comes_to_its_end(name, own):
    first, again = (run(scenario(name, own), 1) for _ in range(2))

    assert first.ended == "finished"
    assert first.digest == again.digest
    assert first.outcome["ok"] > 60


@every_scheme
def test_nothing_is_read_that_nobody_asked_to_be_written_or_that_has_failed(name, own):
    history = History.of(run(scenario(name, own), 2).trace)
    asked = {each.value for each in history if each.f in ("write", "add") and each.status != "fail"}

    for each in history:
        if each.f == "read" and each.status == "ok" and name not in COUNTERS:
            values = each.result if isinstance(each.result, tuple) else (each.result,)
            assert {*values} <= {None, *asked}


@every_scheme
def test_an_effect_is_recorded_where_it_is_taken_in_by_a_replica_and_after_it_was_asked(name, own):
    result = run(scenario(name, own), 3)
    begun = {row["operation"]: row["time_s"] for row in result.trace.rows("invoke")}
    rows = list(result.trace.rows("apply"))

    assert rows or name in COUNTERS  # of which totals do not tell
    assert all(row["time_s"] >= begun[row["operation"]] for row in rows)
    assert {row["node"] for row in rows} <= set(result.scenario.job.replicas)


@every_scheme
def test_two_stores_beside_each_other_are_told_apart_by_their_names(name, own):
    first, other = (scenario(name, own, name=word) for word in ("first", "second"))
    both = Together(jobs=(first.job, other.job))
    result = run(Scenario(cluster=first.cluster, job=both, horizon_s=60.0), 0)

    assert result.ended == "finished"
    assert [sum(outcome.values()) for outcome in result.outcome] == [120, 120]


@pytest.mark.parametrize("mix", [
    *(one("Workload", word, operations=30) for word in words("Workload")),
    Mix(operations=30, keys=3, mix={"read": 1, "write": 1, "cas": 1, "add": 1, "remove": 1}),
])  # fmt: skip
def test_a_workload_asks_what_it_says_and_the_same_for_the_same_generator(mix):
    first, same = (list(mix.client(0, 2, stream(0, "asks"))) for _ in range(2))

    assert first == same
    assert {each.f for each in first} <= set(mix.asks)
    assert len(first) == 30
