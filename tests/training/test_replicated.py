"""Rows on several workers: each counts once, and whoever is gone for good is replaced without a bit of difference."""

import math

import numpy as np
import pytest
from pydantic import TypeAdapter

from simcluster import run
from simcluster.engine import stream
from simcluster.faults import CrashNode, PauseNode
from simcluster.learning import (
    AnyReplicatedSharding,
    Bundled,
    Dirichlet,
    Replicated,
    arrays,
    copied_rows,
    random,
    shard,
    shard_summary,
)
from simcluster.recovery import Heartbeats, Timeout
from simcluster.report import skew
from simcluster.training import DelayCompensated, GradientBoosting, NormalEquations, Ringmaster, TopK
from tests.strategies import NODES, WORKERS, training

WATCHED = Heartbeats(period_s=0.01, suspicion=Timeout(after_s=0.05))
IRIS = Bundled(name="iris").load()
GONE = CrashNode(node="worker-1", begin_s=0.045)
TWO_GONE = (GONE, CrashNode(node="worker-2", begin_s=0.06))


def replicated(faults=(), copies=2, **fields):
    given = {"sharding": Replicated(copies=copies), "detector": WATCHED, "steps": 20, **fields}
    return run(training(faults, **given), 0)


def accepted(result):
    return [(row["worker"], row["clock"]) for row in result.trace.rows("contribution") if row["accepted"]]


EVERY = [(worker, clock) for clock in range(20) for worker in WORKERS]


@pytest.mark.parametrize("fields", [{}, {"batch_size": None}, {"sharding": Replicated(sharding=Dirichlet())}])
def test_a_worker_that_is_gone_for_good_is_replaced_by_who_has_its_rows_and_no_bit_changes(fields):
    calm, gone = replicated(**fields), replicated([GONE], **fields)

    assert (gone.ended, gone.outcome.steps) == ("finished", 20)
    assert gone.outcome.parameters.tobytes() == calm.outcome.parameters.tobytes()
    assert sorted(accepted(gone)) == sorted(EVERY) == sorted(accepted(calm))
    assert gone.ended_s > calm.ended_s
    without = replicated([GONE], **{**fields, "sharding": getattr(fields.get("sharding"), "sharding", random)})
    assert not np.array_equal(without.outcome.parameters, calm.outcome.parameters)


def test_single_copies_and_several_without_a_fault_are_one_run_but_for_the_rule():
    one, two = replicated(sharding=random), replicated()

    assert one.outcome.parameters.tobytes() == two.outcome.parameters.tobytes()
    assert one.metrics["sent_bytes"] == two.metrics["sent_bytes"]
    assert one.ended_s == two.ended_s


def test_who_is_suspected_and_comes_back_counts_once():
    calm, paused = replicated(), replicated([PauseNode(node="worker-1", begin_s=0.03, end_s=0.15)], steps=20)

    assert [row["suspected"] for row in paused.trace.rows("suspect")] == [True, False]
    assert paused.outcome.parameters.tobytes() == calm.outcome.parameters.tobytes()
    assert sorted(accepted(paused)) == sorted(EVERY)


def test_rows_that_nobody_has_any_more_are_gone_and_stop_training_where_that_is_asked():
    calm = replicated()
    for copies, stopped in ((2, "worker-2 is gone"), (3, None)):
        result = replicated(TWO_GONE, copies=copies, when_gone="stop")
        assert (result.ended, result.outcome.stopped) == ("finished", stopped)
    assert result.outcome.parameters.tobytes() == calm.outcome.parameters.tobytes()
    went_on = replicated(TWO_GONE)
    assert went_on.outcome.steps == 20
    left_out = {worker for worker, _ in set(EVERY) - set(accepted(went_on))}
    assert left_out == {"worker-1"}, "of worker-2's rows worker-0 has a copy"


@pytest.mark.parametrize("model", [GradientBoosting(rounds=2), NormalEquations()])
def test_a_model_that_needs_all_rows_in_each_step_has_them_from_the_copies(model):
    numbers = arrays(IRIS.features, IRIS.features @ [1.0, 2.0, 3.0, 4.0])
    fields = {"model": model, "data": IRIS if isinstance(model, GradientBoosting) else numbers, "batch_size": None}
    fields |= {"when_gone": "stop", "steps": 6}

    calm, gone = replicated(**fields), replicated([CrashNode(node="worker-1", begin_s=0.001)], **fields)

    assert (gone.outcome.stopped, gone.outcome.steps) == (None, 6)
    assert gone.outcome.parameters.tobytes() == calm.outcome.parameters.tobytes()


@pytest.mark.parametrize("fields", [{"staleness": math.inf}, {"staleness": 2}, {"compression": TopK(share=0.3)}])
def test_under_any_rule_every_contribution_counts_once(fields):
    result = replicated([GONE], **fields)

    assert (result.ended, result.outcome.steps) == ("finished", 20)
    assert sorted(accepted(result)) == sorted(EVERY)


@pytest.mark.slow
def test_no_crash_and_no_pause_and_no_one_that_is_gone_changes_a_bit_while_somebody_with_the_rows_is_there():
    calm, replaced, nobody = replicated(checkpoint_every=1), 0, 0
    for schedule in range(50):
        generator = stream(schedule, "faults")
        faults = [CrashNode(node=WORKERS[generator.integers(3)], begin_s=float(generator.uniform(0, 0.2)))]
        for node in NODES:
            begin_s, fault = float(generator.uniform(0, 0.25)), (CrashNode, PauseNode)[generator.integers(2)]
            if node != faults[0].node and generator.random() < 0.6:
                faults.append(fault(node=node, begin_s=begin_s, end_s=begin_s + 0.1 * float(generator.random()) + 1e-3))

        result = replicated(faults, checkpoint_every=1, copies=3)

        suspected, most = {}, 0
        for row in result.trace.rows("suspect"):
            suspected[row["node"]] = row["suspected"]
            most = max(most, sum(suspected.values()))
        assert result.ended == "finished"
        if most == 3:  # rows that nobody has are left out until somebody is back
            nobody += 1
            continue
        assert result.outcome.parameters.tobytes() == calm.outcome.parameters.tobytes(), schedule
        replaced += most > 0
    assert replaced > 40 > 10 > nobody


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"detector": None}, "detector must say who is gone where rows are replicated, or no copy is ever used, got"),
        ({"waiting": Ringmaster(delay=2)}, "contributions must count whole, .*, got Ringmaster"),
        ({"optimiser": DelayCompensated()}, "contributions must count whole, .*, where rows are replicated, got Delay"),
        ({"sharding": Replicated(copies=4)}, "copies must be at most the 3 workers, got 4"),
        ({"sharding": {"kind": "replicated", "copies": 1}}, "copies"),
        ({"sharding": {"kind": "replicated", "sharding": "replicated"}}, "kind must be one of"),
    ],
)
def test_copies_that_are_of_no_use_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        replicated(**fields)


def test_each_worker_has_the_copies_of_those_before_it_and_they_are_summed_up_and_drawn():
    how, shares = Replicated(sharding=Dirichlet(), copies=3), np.full(5, 0.2)
    field = TypeAdapter(AnyReplicatedSharding)
    shards = shard(how, IRIS, shares, stream(0))
    copies = copied_rows(how, shards)

    assert field.validate_python(field.dump_python(how)) == how
    held = np.bincount(np.concatenate([*shards, *copies]), minlength=150)
    assert held.tolist() == [3] * 150
    np.testing.assert_array_equal(copies[1], np.sort(np.concatenate([shards[4], shards[0]])))
    assert [len(rows) for rows in copied_rows(random, shards)] == [0] * 5
    summary = shard_summary(IRIS, shards, copies=copies)
    assert summary["copies"].tolist() == [60] * 5
    (axes,) = skew(summary).axes
    tops = {bar.get_x(): bar.get_y() + bar.get_height() for bars in axes.containers for bar in bars}
    assert [round(top) for top in tops.values()] == [90] * 5
    assert axes.get_legend().get_texts()[-1].get_text() == "copies"
