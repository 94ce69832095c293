"""Locks: what a lease does not promise, and what tokens do."""

import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.faults import Broken, DriftClock, Finding, PauseNode, Swarm, search_seeds, shrink, trial_of
from simcluster.replication import Counted, LockedCounter
from tests.replication.strong import KINDS


def scenario(**fields):
    job = LockedCounter(lock="lock", resource="resource", clients=["c-0", "c-1"], rounds=5, **fields)
    machines = (*nodes("c", 2), NodeSpec(name="lock"), NodeSpec(name="resource"))
    return Scenario(cluster=ClusterSpec(nodes=machines), job=job, horizon_s=60.0)


def nothing_lost(result):
    if isinstance(result.outcome, Counted):
        yield Broken("no increment may be lost") if result.outcome.lost else None


def search(fencing, seeds):
    under = scenario(fencing=fencing)
    trial = trial_of(lambda faults, seed: run(under.under(faults), seed), nothing_lost)
    draw = Swarm(nodes=under.cluster.names, horizon_s=2.0, kinds=(*KINDS, DriftClock)).draw
    return search_seeds(trial, draw, seeds), trial


def test_without_faults_each_increment_counts():
    for fencing in (True, False):
        result = run(scenario(fencing=fencing), 0)
        assert result.outcome.value == 10
        assert result.metrics["increments"] == 10
        assert result.metrics["increments_lost"] == 0


@pytest.mark.parametrize("fencing", [True, False])
def test_a_pause_longer_than_the_lease_loses_an_update_unless_tokens_are_looked_at(fencing):
    pauses = [PauseNode(node="c-0", begin_s=0.02, end_s=0.6)]
    result = run(scenario(fencing=fencing, think_s=0.05).under(pauses), 0)
    assert (result.outcome.lost == 0) == fencing
    assert (result.metrics["requests_fenced"] > 0) == fencing


def test_fencing_loses_nothing_whatever_happens():
    tally, _ = search(True, range(100))
    assert not isinstance(tally, Finding), tally


def test_ignoring_tokens_is_found_and_shrinks_to_a_fault():
    found, trial = search(False, range(200))
    assert isinstance(found, Finding), found
    assert len(shrink(found, trial, budget=200).faults) <= 3
