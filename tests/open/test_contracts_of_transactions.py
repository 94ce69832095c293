"""What an isolation promises, asked of all that are built in and of that of docs/your_own.md."""

import runpy
from pathlib import Path

import pytest

from simcluster import ClusterSpec, Scenario, Together, nodes, run
from simcluster.measurement.checkers.transactions.list_append import list_append
from simcluster.measurement.histories import History
from simcluster.replication import ShardedStore, TransactionMix
from tests.built_ins import one, words
from tests.replication.stores import A_FEW as FAULTS

#: Each isolation, and the level that it keeps: that of its name, but for a saga, which keeps none.
ISOLATIONS = {
    **{word: (one("Isolation", word), word.replace("_", "-")) for word in words("Isolation")},
    "saga": (one("Isolation", "saga"), None),
    "own": (None, "serializable"),
}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The isolation of the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("own"))
        return runpy.run_path(str(Path(__file__).parent / "isolation.py"), run_name="own_isolation")["optimistic"]


def scenario(which, own, **fields):
    isolation, _ = ISOLATIONS[which]
    workload = TransactionMix(operations=50, keys=4, think_s={"kind": "constant", "value": 0.02})
    job = ShardedStore(
        isolation=isolation or own,
        shards=("n-0", "n-1"),
        clients=("c-0", "c-1"),
        workload=workload,
        **{"timeout_s": 0.3, "retry_s": 0.05, **fields},
    )
    cluster = ClusterSpec(nodes=(*nodes("n", 2), *nodes("c", 2)))
    return Scenario(cluster=cluster, job=job, faults=FAULTS, horizon_s=60.0)


every_isolation = pytest.mark.parametrize("name", ISOLATIONS)


@every_isolation
def test_an_isolation_gives_the_same_twice_comes_to_its_end_and_keeps_its_level(name, own):
    first, again = (run(scenario(name, own), 1) for _ in range(2))
    history = History.of(first.trace)

    assert first.ended == "finished"
    assert first.digest == again.digest
    assert first.outcome["ok"] > 40
    if (level := ISOLATIONS[name][1]) is not None:
        assert list_append(history, level).valid


@every_isolation
def test_what_is_given_are_the_steps_with_what_they_have_read(name, own):
    for each in History.of(run(scenario(name, own), 2).trace):
        if each.status == "ok":
            assert [step[:2] for step in each.result] == [step[:2] for step in each.value]
            assert all(got == asked for got, asked in zip(each.result, each.value, strict=True) if got[0] != "r")


@every_isolation
def test_two_stores_beside_each_other_are_told_apart_by_their_names(name, own):
    one, other = (scenario(name, own, name=word) for word in ("first", "second"))
    both = Together(jobs=(one.job, other.job))
    result = run(Scenario(cluster=one.cluster, job=both, horizon_s=60.0), 0)

    assert result.ended == "finished"
    assert [sum(outcome.values()) for outcome in result.outcome] == [100, 100]


@pytest.mark.parametrize("name", [name for name in ISOLATIONS if name != "own"])
def test_a_store_of_transactions_is_written_to_a_file_and_read_again(name, own):
    asked = scenario(name, own)

    assert Scenario.model_validate_json(asked.model_dump_json()) == asked
