"""A training job refuses what cannot be, and survives what it says it survives."""

import math

import numpy as np
import pytest

from simcluster import run
from simcluster.faults import CrashNode, SlowNode
from simcluster.learning import Dataset, KMeans, SoftmaxRegression, partition
from simcluster.training import TrainingJob, may_start
from tests.strategies import training


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backup_workers": 3}, "backup_workers must be fewer than the 3 workers, got 3"),
        ({"staleness": -1}, "staleness\n.*greater than or equal to 0"),
        ({"steps": 0}, "steps\n.*greater than or equal to 1"),
        ({"checkpoint_every": 0}, "checkpoint_every\n"),
        ({"model": {"kind": "svm"}}, "svm"),
    ],
)
def test_a_job_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**fields)


def test_a_server_that_is_also_a_worker_is_refused():
    with pytest.raises(ValueError, match="server must be none of the workers, got 'a'"):
        TrainingJob(model=KMeans(), server="a", workers=("a",), steps=1)


def test_the_same_worker_twice_is_refused():
    with pytest.raises(ValueError, match=r"workers must differ, got \['a', 'a'\]"):
        TrainingJob(model=KMeans(), server="s", workers=("a", "a"), steps=1)


def test_workers_that_are_not_in_the_cluster_are_refused():
    scenario = training()
    job = scenario.job.replace(workers=("worker-7",))
    with pytest.raises(ValueError, match=r"workers must name a node of the cluster .*, got 'worker-7'"):
        run(scenario.replace(job=job), 0)


@pytest.mark.parametrize(("staleness", "allowed"), [(0, 0), (3, 3), (math.inf, 10**9)])
def test_a_worker_may_lead_by_the_staleness_and_no_more(staleness, allowed):
    assert may_start(5 + allowed, 5, staleness)
    assert staleness == math.inf or not may_start(6 + allowed, 5, staleness)


def test_training_lowers_the_objective():
    rows = list(run(training(steps=40), 0).trace.rows("loss"))

    assert [row["step"] for row in rows] == list(range(1, 41))
    assert rows[-1]["loss"] < 0.7 * math.log(3)


@pytest.mark.parametrize(("every", "steps"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7]), (7, [7]), (100, [7])])
def test_the_loss_is_evaluated_every_so_many_steps_and_at_the_end(every, steps):
    rows = run(training(steps=7, evaluate_every=every), 0).trace.rows("loss")

    assert [row["step"] for row in rows] == steps


def test_a_job_with_a_target_ends_when_it_is_reached():
    result = run(training(steps=1000, target_loss=0.8), 0)

    assert result.ended == "finished"
    assert result.outcome.loss <= 0.8
    assert result.outcome.steps < 1000


def test_without_a_checkpoint_a_crash_of_the_server_begins_anew_and_with_one_it_does_not():
    crash = CrashNode(node="server", begin_s=0.1, end_s=0.12)

    def steps(**job):
        trace = run(training([crash], **job), 0).trace
        return [row["clock"] for row in trace.rows("step") if row["worker"] == "worker-0" and row["time_s"] > 0.12]

    assert steps()[0] == 0
    assert steps(checkpoint_every=2)[0] > 2
    assert [row["clock"] for row in run(training([crash], checkpoint_every=2), 0).trace.rows("restore")] != []


@pytest.mark.parametrize(("steps", "saved"), [(9, [3, 6]), (10, [3, 6, 9])])
@pytest.mark.parametrize("staleness", [0, 2, math.inf])
def test_a_checkpoint_follows_every_third_complete_step_but_the_last(steps, saved, staleness):
    rows = run(training(steps=steps, checkpoint_every=3, staleness=staleness), 0).trace.rows("checkpoint")

    assert [row["clock"] for row in rows] == saved


def test_a_backup_worker_spares_the_others_a_straggler():
    straggler = SlowNode(node="worker-2", factor=50, begin_s=0)

    waiting = run(training([straggler]), 0).ended_s
    spared = run(training([straggler], backup_workers=1), 0).ended_s

    assert spared < waiting / 10


def test_a_run_that_hits_its_horizon_says_so():
    result = run(training([CrashNode(node="server", begin_s=0.05)], horizon_s=1.0), 0)

    assert (result.ended, result.ended_s, result.outcome) == ("horizon", 1.0, None)


def test_a_queue_that_grows_is_said_in_the_result():
    slow = SlowNode(node="worker-0", factor=1e6, begin_s=0)

    assert run(training([slow], horizon_s=1.0), 0).backlog == {"worker-0": 1}
    assert run(training(), 0).backlog == {}


def test_a_run_in_which_nothing_can_happen_any_more_is_a_deadlock():
    dead = [CrashNode(node=node, begin_s=0.05) for node in ("server", "worker-0", "worker-1", "worker-2")]

    assert run(training(dead, horizon_s=1.0), 0).ended == "deadlock"


def test_more_clusters_than_rows_are_refused():
    with pytest.raises(ValueError, match="clusters must be at most the 150 rows, got 151"):
        KMeans(dataset="iris", clusters=151).prepare(2, 0)


@pytest.mark.parametrize("how", ["random", "ordered", "by_key"])
def test_every_row_is_in_exactly_one_shard(how):
    labels = np.arange(100) % 7

    shards = partition(how, labels, 9, seed=0)

    assert np.array_equal(np.sort(np.concatenate(shards)), np.arange(100))
    assert {len(shard) for shard in shards} == {11, 12}


def test_a_shard_by_key_sees_few_classes():
    labels = np.arange(100) % 10

    assert all(len(np.unique(labels[shard])) == 1 for shard in partition("by_key", labels, 10, seed=0))


@pytest.mark.parametrize("shards", [0, 101])
def test_too_few_or_too_many_shards_are_refused(shards):
    with pytest.raises(ValueError, match=rf"shards must be within \[1, 100\] for 100 rows, got {shards}"):
        partition("random", np.zeros(100, dtype=np.int64), shards, seed=0)


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.array([[1.0, np.nan]]), np.zeros(1, dtype=np.int64), "finite numbers, got nan in row 0, column 1"),
        (np.ones((2, 2)), np.zeros(3, dtype=np.int64), r"got \(2, 2\) and \(3,\)"),
        (np.ones((1, 1)), np.array([5]), r"labels must be within \[0, 2\), got \[5\]"),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(features, labels, message):
    with pytest.raises(ValueError, match=message):
        Dataset("mine", features, labels, 2)


def test_the_batches_of_an_epoch_are_disjoint():
    prepared = SoftmaxRegression(dataset="iris", batch_size=8).prepare(3, 0)
    rows = np.concatenate([prepared._batch(0, clock, 8) for clock in range(6)])

    assert len(np.unique(rows)) == 48
