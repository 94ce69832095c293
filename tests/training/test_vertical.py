"""Columns on workers instead of rows: one machine's answer, the bytes that the docstring says, and crashes."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.cluster import OutOfMemory
from simcluster.engine import stream
from simcluster.faults import CrashNode, LoseDisk
from simcluster.learning import Bundled, Rows, arrays, column_summary, deal_columns
from simcluster.report import skew
from simcluster.training import (
    Adam,
    AllReduce,
    Checkpoints,
    GradientDescent,
    KMeans,
    Lbfgs,
    LinearRegression,
    LinearSvm,
    LogisticRegression,
    Momentum,
    Nesterov,
    Softmax,
    TrainingJob,
    Vertical,
    by_key,
)

CANCER, IRIS = Bundled(name="breast_cancer").load(), Bundled(name="iris").load()
DIABETES = arrays(*load_diabetes(return_X_y=True), labels=False, scaled=True)
AUTO = GradientDescent(learning_rate="auto")
LINEAR = {
    "linear regression": (LinearRegression(), DIABETES, AUTO),
    "logistic regression": (LogisticRegression(), CANCER, Adam(learning_rate=0.01)),
    "hinge": (LinearSvm(margin="hinge"), CANCER, GradientDescent(learning_rate=0.1)),
    "squared hinge": (LinearSvm(), CANCER, Nesterov(learning_rate="auto")),
    "softmax": (Softmax(), IRIS, Momentum(learning_rate="auto")),
}
EACH = pytest.mark.parametrize("name", LINEAR)


def scenario(name="softmax", workers=3, faults=(), exchange=None, memory_bytes=None, **fields):
    model, data, optimiser = LINEAR[name]
    machines = nodes("w", workers, flops_per_s=1e7, memory_bytes=memory_bytes)
    given = {"model": model, "data": data, "optimiser": optimiser, "batch_size": None, "steps": 20, **fields}
    job = TrainingJob(exchange=exchange or Vertical(retry_s=0.05), workers=[each.name for each in machines], **given)
    return Scenario(cluster=ClusterSpec(nodes=machines), job=job, faults=tuple(faults), horizon_s=60.0)


def trained(*given, **fields):
    result = run(scenario(*given, **fields), 0)
    assert (result.ended, result.verdicts) == ("finished", ())
    return result.outcome


@EACH
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("columns", ["ordered", "random"])
def test_the_parameters_are_those_of_one_machine_that_has_all_columns(name, workers, columns):
    one = trained(name, workers=1, exchange=AllReduce())

    ours = trained(name, workers=workers, exchange=Vertical(columns=columns))

    np.testing.assert_allclose(ours.parameters, one.parameters, rtol=1e-10, atol=1e-10)
    assert ours.loss == pytest.approx(one.loss, rel=1e-12)
    assert ours.steps == 20


@EACH
def test_slopes_times_columns_are_what_rows_contribute(name):
    model, data, _ = LINEAR[name]
    initial = model.initial(data, stream(0))
    point = initial + 0.3 * stream(1).standard_normal(initial.shape)
    rows = Rows(data)

    slopes = model.score_slopes(data.with_ones @ point, rows)()

    np.testing.assert_allclose(data.with_ones.T @ slopes, model.contribution(point, rows)(), rtol=1e-9, atol=1e-9)


@EACH
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_bytes_on_the_network_are_those_of_the_docstring(name, workers):
    model, data, _ = LINEAR[name]
    weights = model.initial(data, stream(0)).size
    scores, p = len(data) * (weights // (data.features.shape[1] + 1)), workers

    result = run(scenario(name, workers=workers, steps=5, exchange=Vertical(retry_s=1e3)), 0)

    sent = [row["size_bytes"] for row in result.trace.rows("send")]
    assert sum(sent) == 5 * 2 * (p - 1) * (8 * scores + 80 * p) + 2 * (p - 1) * (8 * weights + 80 * p)
    assert len(sent) == 6 * 2 * p * (p - 1)


def test_a_worker_holds_its_columns_and_all_targets_in_its_memory():
    most = 8 * 150 * (2 + 1)  # two of the four columns on the first of three workers

    trained(memory_bytes=most, steps=2)
    with pytest.raises(OutOfMemory, match=f"w-0 has {most - 1} bytes available, {most} were asked"):
        trained(memory_bytes=most - 1, steps=2)


def test_doubling_comes_to_the_same_and_losses_are_seen_as_steps_are_done():
    ring, doubled = (
        run(scenario("logistic regression", 4, exchange=Vertical(algorithm=how), evaluate_every=5, held_out=0.25), 0)
        for how in ("ring", "recursive_doubling")
    )
    alone = run(scenario("logistic regression", 1, exchange=AllReduce(), evaluate_every=5, held_out=0.25), 0)

    np.testing.assert_allclose(ring.outcome.parameters, doubled.outcome.parameters, rtol=1e-12, atol=1e-12)
    assert ring.series["loss"]["step"].tolist() == [5, 10, 15, 20]
    np.testing.assert_allclose(ring.series["loss"]["loss"], alone.series["loss"]["loss"], rtol=1e-12)
    assert ring.metrics["held_out_accuracy"] == alone.metrics["held_out_accuracy"]


@pytest.mark.slow
@EACH
def test_no_crash_of_anybody_at_any_moment_changes_a_bit_where_each_step_is_kept(name):
    fields = {"recovery": Checkpoints(every=1), "steps": 8}
    calm, crashes_seen = run(scenario(name, **fields), 0), 0
    for schedule in range(50):
        generator, crashes = stream(schedule, "crashes"), []
        for node in ("w-0", "w-1", "w-2"):
            begin_s = float(generator.random() * calm.ended_s)
            if generator.random() < 0.6:
                crashes.append(CrashNode(node=node, begin_s=begin_s, end_s=begin_s + 0.03 * generator.random() + 1e-3))

        result = run(scenario(name, faults=crashes, **fields), 0)

        assert (result.ended, result.outcome.stopped) == ("finished", None)
        assert result.outcome.parameters.tobytes() == calm.outcome.parameters.tobytes()
        crashes_seen += len(list(result.trace.rows("crash")))
    assert crashes_seen > 40


def test_who_loses_its_weights_for_good_stops_training_which_says_so():
    crash = CrashNode(node="w-1", begin_s=0.02, end_s=0.03)
    kept = run(scenario(faults=[crash], recovery=Checkpoints(every=1)), 0)
    for fields in ({}, {"recovery": Checkpoints(every=1)}):
        lost = [crash, *([LoseDisk(node="w-1", begin_s=0.025)] if fields else [])]
        result = run(scenario(faults=lost, **fields), 0)
        assert result.outcome.stopped == "w-1 has lost its weights"
        assert 0 < result.outcome.steps < 20
        assert [verdict.name for verdict in result.verdicts] == ["stopped"]
    assert (kept.outcome.steps, kept.outcome.stopped) == (20, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": KMeans(clusters=2)}, "model must be linear, with score_slopes, with vertical, got KMeans"),
        ({"optimiser": Lbfgs()}, "optimiser must move each number by itself with vertical, got Lbfgs"),
        ({"sharding": by_key}, "sharding must be random with vertical, where every worker has all rows, got <function"),
        ({"shares": "speed"}, "shares must be equal with vertical, where every worker has all rows, got 'speed'"),
        ({"batch_size": 8}, "batch_size must be None with vertical, where every worker has all rows, got 8"),
        ({"target_loss": 0.1}, "the objective must be evaluated outside with vertical, .*, got target_loss 0.1"),
        ({"evaluation": "paid"}, "the objective must be evaluated outside with vertical, .*, got evaluation 'paid'"),
        ({"staleness": 1}, "waiting must be bulk-synchronous with vertical"),
        ({"workers": [f"w-{place}" for place in range(5)]}, "every shard must have a column, got 4 features for 5"),
    ],
)
def test_what_makes_no_sense_with_columns_is_refused_when_the_scenario_is_made(fields, message):
    made = scenario(workers=5, data=CANCER)
    with pytest.raises(ValueError, match=message):
        made.replace(job=made.job.replace(data=IRIS, **fields))


def test_a_summary_of_columns_says_what_each_node_knows_and_is_drawn():
    data = arrays([[0.0, 5.0, 1.0], [1.0, 5.0, 0.0], [2.0, 5.0, 1.0], [3.0, 5.0, 0.0]], np.arange(4.0), labels=False)
    parts = [np.array([0]), np.array([1, 2])]

    found = column_summary(data, parts, ["a", "b"])

    assert found.to_dict("list") == {
        "shard": ["a", "b"], "columns": [1, 2],
        "spread": [pytest.approx(5 / 6), pytest.approx(1 / 6)],
        "correlation": [pytest.approx(1.0), pytest.approx(1 / np.sqrt(5))],
    }  # fmt: skip
    (axes,) = skew(found).axes
    assert [bar.get_height() for bar in axes.patches] == [1, 2]
    assert axes.get_ylabel() == "columns"
    labels = column_summary(IRIS, deal_columns(IRIS, 2, "random", stream(0)))
    assert labels["spread"].sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="every shard must have a column, got 4 features for 5 shards"):
        deal_columns(IRIS, 5, "ordered", stream(0))
