"""Intervals between checkpoints in seconds: a number, a formula, what has been observed, or one's own function."""

import math
from itertools import pairwise

import pytest
from recovery.test_recovery_field import CLUSTER, STORES, under
from recovery.test_recovery_field import training as short

from simcluster import load_scenario, run, save_scenario
from simcluster.cluster import Cluster, ClusterSpec, NodeSpec
from simcluster.engine import Environment, Trace
from simcluster.faults import CrashNode, FillDisk
from simcluster.recovery import Adaptive, Checkpoints, Daly, Fixed, Observed, Young, young_s
from simcluster.scenario import Scenario
from simcluster.training import AllReduce, TrainingJob


def training(**fields):
    """Of 60 steps, which take about 0.12 s."""
    return short(**fields).replace(steps=60)


CRASH = CrashNode(node="head", begin_s=0.06, end_s=0.07)


def ten_ms(observed):
    return 0.01


EVERY = {
    "fixed": Fixed(interval_s=0.01),
    "young": Young(mttf_s=0.1),
    "daly": Daly(mttf_s=0.1),
    "adaptive": Adaptive(mttf_s=0.1),
    "one's own": ten_ms,
}


def saved_s(result):
    return [row["time_s"] for row in result.trace.rows("checkpoint")]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("every", EVERY)
def test_training_goes_on_from_a_checkpoint_of_any_interval_in_any_store_and_changes_no_bit(every, store):
    job = training(recovery=Checkpoints(every=EVERY[every], store=STORES[store]))
    result = under(job, CRASH)

    assert result.ended == "finished"
    assert list(result.trace.rows("restore"))
    assert result.outcome.parameters.tobytes() == under(training()).outcome.parameters.tobytes()


def test_the_first_step_that_ends_after_an_interval_is_saved():
    result = under(training(recovery=Checkpoints(every=Fixed(interval_s=0.02))))
    gaps_s = [after - before for before, after in pairwise([0.0, *saved_s(result)])]
    each = under(training(recovery=Checkpoints(every=1)))
    step_s = max(after - before for before, after in pairwise(saved_s(each)))

    assert len(gaps_s) > 2
    assert all(0.02 < gap_s < 0.02 + 2 * step_s for gap_s in gaps_s)


def test_without_a_cost_the_first_step_is_saved_to_see_what_that_takes():
    seen = []

    def noting(observed):
        seen.append(observed)
        return Young(mttf_s=1.0)(observed)

    result = under(training(recovery=Checkpoints(every=noting)), CRASH)
    costs = [observed.cost_s for observed in seen]

    assert costs[0] is None
    assert seen[0] == Observed(None, 0, seen[0].elapsed_s)
    assert costs.count(None) == 1  # and not once more after the crash, for a checkpoint holds what they take
    assert all(0.001 < cost_s < 0.003 for cost_s in costs[1:])  # the disk: a place, 680 bytes, a flush
    assert [observed.failures for observed in seen] == sorted(observed.failures for observed in seen)
    assert seen[-1].failures == 1
    assert seen[-1].elapsed_s < result.ended_s
    first_s, second_s, *_ = saved_s(result)
    assert second_s - first_s > young_s(0.001, 1.0)


def test_a_checkpoint_that_fails_is_tried_again_after_an_interval_and_is_no_cost():
    full = FillDisk(node="head", begin_s=0.0, end_s=0.05)
    costs_s = []

    def noting(observed):
        costs_s.append(observed.cost_s)
        return 0.02

    result = under(training(recovery=Checkpoints(every=noting)), full)
    failed_s = [row["time_s"] for row in result.trace.rows("checkpoint_failed")]

    assert 1 < len(failed_s) < 4
    assert all(after - before > 0.02 for before, after in pairwise(failed_s))
    assert saved_s(result)
    assert costs_s[0] is costs_s[20] is None  # while the disk is full
    assert costs_s[-1] is not None


@pytest.mark.parametrize("wrong", [-1.0, math.nan, None, "soon"])
def test_an_interval_that_is_none_is_refused_by_name(wrong):
    env = Environment()
    cluster = Cluster(env, ClusterSpec(nodes=(NodeSpec(name="n"),)), 0, Trace(env, ()))
    keeper = Checkpoints(every=lambda observed: wrong).keeper(cluster["n"], "n")

    rule = "an interval between checkpoints must be 0 s or more"
    with pytest.raises(ValueError, match=f"{rule}, got (-1.0|nan|None|'soon') of"):
        next(keeper.after_step(1, lambda: None))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (0, "every: Input should be greater than or equal to 1, got 0$"),
        (1.5, "every: must be a whole number, got 1.5$"),
        (True, "every: must be a number and no truth value, got True$"),
        ("youngs", r"every: kind must be one of .*, got 'youngs' \(did you mean 'young'\?\)$"),
        (None, "every: Input should be a valid integer, got None$"),
        ({"kind": "young"}, "every.young.mttf_s: must be given, got nothing$"),
        (Young, r"every: Interval must be an object, got the class Young: write Young\(...\)$"),
        (object(), "every: Interval must have __call__.*, got object without it$"),
        ({"kind": "fixed", "interval_s": 0}, "every.fixed.interval_s: Input should be greater than 0, got 0$"),
    ],
)
def test_what_is_no_interval_is_refused_with_one_reason(wrong, message):
    with pytest.raises(ValueError, match=message) as refused:
        Checkpoints(every=wrong)
    assert "\n" not in str(refused.value)


WRITTEN = [7, Fixed(interval_s=1.0), Young(mttf_s=2.0, cost_s=0.1), Daly(mttf_s=3.0), Adaptive()]


@pytest.mark.parametrize("every", WRITTEN)
def test_intervals_are_written_to_a_file_and_read_back(every, tmp_path):
    scenario = Scenario(cluster=CLUSTER, job=training(recovery=Checkpoints(every=every)))
    save_scenario(tmp_path / "s.yaml", scenario)

    assert load_scenario(tmp_path / "s.yaml") == scenario


def test_a_worker_without_a_server_keeps_by_seconds_too():
    job = training(recovery=Checkpoints(every=Fixed(interval_s=0.01)))
    given = {name: getattr(job, name) for name in job.model_fields_set}
    job = TrainingJob(**given | {"exchange": AllReduce(retry_s=0.05)})
    crashes = [CrashNode(node=name, begin_s=0.05, end_s=0.06 + place / 100) for place, name in enumerate(job.workers)]
    plain, result = (run(Scenario(cluster=CLUSTER, job=job, faults=faults), 0) for faults in ((), crashes))

    assert list(result.trace.rows("restore"))
    assert result.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()
