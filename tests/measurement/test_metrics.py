"""Metrics say what can be counted by hand, and what a run's own curve says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, Spec, Together, nodes, run
from simcluster.engine import Trace
from simcluster.faults import CrashNode, LoseMessages
from simcluster.kernels import Call, Cost
from simcluster.measurement.metrics import flat, service_metrics, trace_metrics, training_metrics
from simcluster.measurement.schedules.makespan import makespan_s
from simcluster.scheduling import TaskGraphJob
from simcluster.serving import At, NearestNeighbourService, ServiceJob
from tests.strategies import WORKERS, training

TWO = ClusterSpec(nodes=nodes("n", 2, flops_per_s=100.0))


class Sends(Spec):
    """Computes and sends so often, and is over."""

    times: int

    def start(self, cluster, seed):
        def program(node):
            for _ in range(self.times):
                yield node.compute(Call(lambda: None, Cost(flops=50.0, bytes=0.0)))
                node.send("n-1", "word", size_bytes=8)
            yield node.timer(1.0)
            done.succeed(self.times)

        done = cluster.env.event()
        cluster["n-0"].boot(program)
        return done


@pytest.mark.parametrize("times", [0, 1, 7])
def test_messages_bytes_and_computations_are_as_many_as_the_job_has_made(times):
    found = run(Scenario(cluster=TWO, job=Sends(times=times)), 0).metrics

    assert found["ended_s"] == pytest.approx(1.0 + 0.5 * times)
    assert (found["messages_sent"], found["messages_delivered"], found["messages_dropped"]) == (times, times, 0)
    assert (found["sent_bytes"], found["computations"]) == (8.0 * times, times)
    assert found["computing_s"] == pytest.approx(0.5 * times)


def test_what_faults_do_is_counted():
    crashes = (CrashNode(node="n-1", begin_s=begin_s) for begin_s in (0.5, 9.0))
    faults = (LoseMessages(probability=1, begin_s=0), *crashes)
    found = run(Scenario(cluster=TWO, job=Sends(times=3), faults=faults), 0).metrics

    assert (found["messages_dropped"], found["messages_delivered"]) == (3, 0)
    assert (found["faults_begun"], found["crashes"]) == (2, 1)


def test_there_are_only_those_whose_records_were_kept():
    found = run(Scenario(cluster=TWO, job=Sends(times=3), trace_kinds=("send",)), 0).metrics

    assert list(found) == ["ended_s", "messages_sent", "sent_bytes"]


@given(st.integers(1, 200), st.floats(0, 0.9))
def test_sojourn_times_that_are_evenly_spaced_have_the_mean_and_percentiles_of_their_range(count, warm_up):
    rows = [
        {"time_s": 1.0, "kind": "query", "query": number, "arrival_s": 0.0, "sojourn_s": float(number), "attempts": 2}
        for number in reversed(range(count))
    ]
    found = service_metrics(Trace.of(rows), warm_up)
    first, last = int(warm_up * count), count - 1

    assert found["sojourn_s_mean"] == pytest.approx((first + last) / 2)
    for percentile in (50, 95, 99):
        assert found[f"sojourn_s_p{percentile}"] == pytest.approx(first + (last - first) * percentile / 100)
    assert (found["queries_answered"], found["attempts_mean"], found["queries_lost"]) == (count, 2.0, 0)


def test_a_run_without_what_is_measured_has_no_number():
    nothing = Trace.of([])

    assert math.isnan(service_metrics(nothing)["sojourn_s_p99"])
    assert math.isnan(training_metrics(nothing, 0.5)["loss_final"])
    assert training_metrics(nothing, 0.5)["time_to_target_s"] == math.inf


def test_training_says_its_steps_its_loss_and_when_it_met_its_target():
    result = run(training(steps=40, target_loss=0.95), 0)
    losses = {row["time_s"]: row["loss"] for row in result.trace.rows("loss")}
    first_s = min(time_s for time_s, loss in losses.items() if loss <= 0.95)

    assert result.metrics["loss_final"] == result.outcome.loss <= 0.95
    assert result.metrics["steps"] == result.outcome.steps < 40
    assert result.metrics["time_to_target_s"] == first_s == result.ended_s
    assert result.metrics["contributions_accepted"] >= 3 * result.outcome.steps
    assert result.series["loss"]["loss"].to_list() == list(losses.values())


def test_training_that_is_not_over_has_the_figures_of_its_last_evaluation():
    result = run(training(steps=10_000, horizon_s=0.1), 0)

    assert result.ended == "horizon"
    assert result.metrics["steps"] == result.series["loss"]["step"].iloc[-1] > 1
    assert result.metrics["loss_final"] == result.series["loss"]["loss"].iloc[-1]


def test_without_records_there_is_what_the_outcome_says():
    result = run(training(steps=3, kinds=()), 0)

    assert result.metrics == {"ended_s": result.ended_s, "steps": 3, "loss_final": result.outcome.loss}
    assert result.series == {}


def test_a_task_graph_says_its_makespan():
    cluster = ClusterSpec(nodes=(NodeSpec(name="master"), *nodes("n", 2, flops_per_s=1e6)))
    result = run(Scenario(cluster=cluster, job=TaskGraphJob(master="master", workers=cluster.names[1:])), 0)
    spans = result.series["spans"]

    assert result.metrics["makespan_s"] == makespan_s(result.trace.rows()) == spans["end_s"].max() <= result.ended_s
    assert result.metrics["tasks_done"] == spans["task"].nunique() == len(spans) - result.metrics["tasks_repeated"]


def asked(name, front_end="server", **fields):
    at = At(times_s=(0.0, 0.01, 0.02))
    return ServiceJob(name=name, arrivals=at, queries=3, front_end=front_end, servers=WORKERS, **fields)


def test_jobs_together_have_their_figures_by_their_names():
    alone = training(steps=3)
    service = asked("service")
    result = run(alone.replace(job=Together(jobs=(alone.job, service))), 0)

    assert result.metrics["training.steps"] == 3
    assert result.metrics["service.queries_answered"] == 3
    assert sorted(result.series) == ["service.sojourn", "training.loss"]


def test_records_that_several_jobs_make_are_nobodys():
    alone = training(steps=3)
    result = run(alone.replace(job=Together(jobs=(asked("a"), asked("b")))), 0)

    assert result.metrics["a.queries_answered"] == result.metrics["b.queries_answered"] == 3
    assert not [name for name in result.metrics if "sojourn" in name]
    assert result.series == {}


def test_the_flat_service_has_the_figures_of_a_service():
    cluster = ClusterSpec(nodes=nodes("n", 3))
    job = NearestNeighbourService(
        dataset="iris", front_end="n-0", servers=("n-1", "n-2"), arrivals_per_s=100.0, queries=30
    )
    result = run(Scenario(cluster=cluster, job=job), 0)

    assert result.metrics["queries_answered"] == 30
    assert result.series["sojourn"]["sojourn_s"].iloc[3:].mean() == pytest.approx(result.metrics["sojourn_s_mean"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([1.0], "metrics of Job must be figures by name, got"),
        ({"a": [1.0]}, "metrics of Job must be numbers or text by name, got 'a'"),
        ({3: 1.0}, "metrics of Job must be numbers or text by name, got 3"),
        ({"ended_s": 1.0}, "metrics of Job must have names besides"),
    ],
)
def test_what_a_job_must_not_say_is_refused(given, said):
    with pytest.raises(ValueError, match=said):
        flat(given, "Job", {"ended_s": 0.0})


def test_numbers_of_numpy_become_those_of_python():
    found = flat({"a": np.float64(1.5), "b": np.int64(3), "c": np.bool_(True)}, "Job", {})

    assert [(type(value), value) for value in found.values()] == [(float, 1.5), (int, 3), (bool, True)]


def test_the_time_to_a_target_is_that_of_the_first_loss_at_most_the_target():
    trained = run(training(steps=40), 0)
    curve = trained.series["loss"]
    target = curve["loss"].median()

    found = training_metrics(trained.trace, target)

    assert found["time_to_target_s"] == curve["time_s"][curve["loss"] <= target].min()


def test_a_trace_without_a_kind_keeps_it_no_more():
    whole = run(training(steps=2), 0).trace

    assert "messages_sent" in trace_metrics(whole)
    assert "messages_sent" not in trace_metrics(whole.without("send"))
    assert list(whole.without("send").rows()) == [row for row in whole.rows() if row["kind"] != "send"]


def test_contributions_are_counted_by_whether_they_were_accepted():
    rows = [{"time_s": 1.0, "kind": "contribution", "accepted": accepted} for accepted in (True, False, True)]
    found = training_metrics(Trace.of(rows))

    assert (found["contributions_accepted"], found["contributions_refused"]) == (2, 1)
