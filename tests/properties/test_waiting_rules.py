"""What no schedule of faults can do: change the bits of a rule that waits for all, or keep a rule waiting for ever."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import run
from simcluster.engine import Exponential
from simcluster.faults import CrashNode
from simcluster.learning import DelayCompensated, GradientDescent
from simcluster.recovery import Heartbeats, Timeout
from simcluster.training import (
    BoundedStaleness,
    DynamicBackups,
    KBatchSync,
    KSync,
    Rennala,
    Ringmaster,
    SampledStaleness,
    StalenessAware,
)
from tests.strategies import networks, schedules, training

FOR_ALL = [
    BoundedStaleness(),
    KSync(k=3),
    KSync(k=3, left_behind="finish"),
    DynamicBackups(least=3),
    SampledStaleness(share=1),
]
#: Rules under which no worker is waited for: these end, whoever is gone.
FOR_SOME = [
    BoundedStaleness(backup_workers=1),
    KSync(k=2),
    KSync(k=2, left_behind="finish"),
    KBatchSync(k=4),
    Rennala(batch=4),
    Ringmaster(delay=2),
    Ringmaster(delay=2, left_behind="cancel"),
    Ringmaster(delay=math.inf),
]
#: The others: what the last of them lacks, when a worker is gone for ever, is a detector that says so.
FOR_EACH = [
    *FOR_ALL,
    BoundedStaleness(staleness=2),
    BoundedStaleness(staleness=math.inf),
    SampledStaleness(share=0.4, staleness=1),
    StalenessAware(),
    DynamicBackups(),
]
#: The seeds' own times, a checkpoint or none, the network, the faults.
TROUBLE = st.tuples(
    schedules, networks, st.sampled_from([None, 1, 5]), st.sampled_from([None, Exponential(mean=1)]), st.integers(0, 3)
)


def result_of(waiting, faults, network=None, every=None, jitter=None, seed=0, **fields):
    scenario = training(faults, network=network, checkpoint_every=every, jitter=jitter, waiting=waiting, **fields)
    return run(scenario, seed)


def is_the_same(waiting, trouble):
    faults, network, every, jitter, seed = trouble
    plain, troubled = result_of(FOR_ALL[0], (), seed=seed), result_of(waiting, faults, network, every, jitter, seed)
    assert troubled.ended == plain.ended == "finished"
    assert troubled.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()


def comes_to_its_end(waiting, compensation, trouble):
    faults, network, every, jitter, seed = trouble
    optimiser = DelayCompensated(compensation=0.1) if compensation else GradientDescent()
    result = result_of(waiting, faults, network, every, jitter, seed, optimiser=optimiser)
    assert result.ended == "finished"
    assert result.outcome.steps == 12
    assert np.isfinite(result.outcome.parameters).all()
    if not any(isinstance(fault, CrashNode) and fault.node == "server" for fault in faults):
        counted = [(row["worker"], row["clock"]) for row in result.trace.rows("contribution") if row["accepted"]]
        assert len(counted) == len(set(counted))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(FOR_ALL), TROUBLE)
def test_no_fault_that_ends_changes_one_bit_of_what_is_waited_for_by_all(waiting, trouble):
    is_the_same(waiting, trouble)


@pytest.mark.long
@pytest.mark.parametrize("waiting", FOR_ALL)
@settings(max_examples=500, deadline=None)
@given(trouble=TROUBLE)
def test_no_fault_of_many_that_end_changes_one_bit(waiting, trouble):
    is_the_same(waiting, trouble)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([*FOR_SOME, *FOR_EACH]), st.booleans(), TROUBLE)
def test_under_every_rule_a_run_comes_to_its_end_and_counts_nothing_twice(waiting, compensation, trouble):
    comes_to_its_end(waiting, compensation, trouble)


@pytest.mark.long
@pytest.mark.parametrize("waiting", [*FOR_SOME, *FOR_EACH])
@settings(max_examples=500, deadline=None)
@given(compensation=st.booleans(), trouble=TROUBLE)
def test_under_every_rule_many_runs_come_to_their_end(waiting, compensation, trouble):
    comes_to_its_end(waiting, compensation, trouble)


GONE = [CrashNode(node="worker-2", begin_s=0.05)]
WATCHED = Heartbeats(period_s=0.01, suspicion=Timeout(after_s=0.05))


@pytest.mark.parametrize("waiting", FOR_SOME)
def test_a_rule_that_needs_no_worker_in_particular_ends_without_one_that_is_gone(waiting):
    assert result_of(waiting, GONE, horizon_s=5.0).ended == "finished"


@pytest.mark.parametrize("waiting", FOR_EACH)
def test_a_rule_that_needs_each_worker_ends_without_one_where_a_detector_says_so_and_else_the_run_says_that_it_did_not(
    waiting,
):
    lacking = result_of(waiting, GONE, horizon_s=5.0)

    assert lacking.ended == "horizon"
    assert [verdict.name for verdict in lacking.verdicts] == ["horizon"]
    assert result_of(waiting, GONE, horizon_s=5.0, detector=WATCHED).ended == "finished"
