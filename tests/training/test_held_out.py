"""Rows that are held out, features that are standardised, and shares of the rows that are not equal."""

import math
import subprocess
import sys

import numpy as np
import pytest
import sklearn.metrics as sk
from sklearn.preprocessing import StandardScaler

from simcluster import ClusterSpec, NodeSpec, Result, Scenario, nodes, run
from simcluster.engine import Environment, Trace, stream
from simcluster.faults import CrashNode
from simcluster.learning import Bundled, Dirichlet, GradientDescent, KMeans, Softmax, call, held_out_split
from simcluster.training import BoundedStaleness, Training, TrainingJob
from tests.strategies import NODES, training

IRIS = Bundled(name="iris").load()


class Means:
    """A model that does not predict."""

    def initial(self, data, generator):
        return np.zeros(4)

    def contribution(self, parameters, rows):
        return call(lambda features: (parameters - features).sum(axis=0), rows.features)

    def gradient(self, parameters, total, rows):
        return total / rows

    def loss(self, parameters, rows):
        return call(lambda features: float(np.mean((features - parameters) ** 2)), rows.features)


def prepared(job, seed=0, speeds=None):
    env = Environment()
    return Training(job, seed, env.event(), Trace(env, ()), speeds)


def test_what_is_held_out_is_learned_by_nobody_and_drawn_from_its_own_stream():
    made = prepared(training(held_out=0.25).job, 3)
    learned, held = held_out_split(IRIS, 0.25, stream(3, "held_out"))

    np.testing.assert_array_equal(made.data.features, learned.features)
    np.testing.assert_array_equal(made.held_out.features, held.features)
    assert np.bincount(held.targets).tolist() in ([13, 13, 12], [13, 12, 13], [12, 13, 13])
    assert (len(made.data), len(made.held_out)) == (112, 38)
    assert made.batch_rows.tolist() == [8, 8, 8]


def test_the_metrics_of_the_result_are_those_of_all_predictions_at_once():
    result = run(training(held_out=0.25, sharding=Dirichlet()), 1)
    _, held = held_out_split(IRIS, 0.25, stream(1, "held_out"))

    at_once = Softmax().predict(result.outcome.parameters, held.features)
    assert result.metrics["held_out_accuracy"] == sk.accuracy_score(held.targets, at_once)
    assert result.metrics["held_out_f1_macro"] == sk.f1_score(held.targets, at_once, average="macro", zero_division=0.0)
    likely = Softmax().probabilities(result.outcome.parameters, held.features)
    assert result.metrics["held_out_log_loss"] == pytest.approx(sk.log_loss(held.targets, likely), rel=1e-12)
    matrix = sk.confusion_matrix(held.targets, at_once, labels=[0, 1, 2])
    assert result.series["confusion"]["rows"].tolist() == matrix.ravel().tolist()
    assert result.metrics["held_out_loss"] == Softmax().loss(result.outcome.parameters, held.all)()
    assert "held_out_silhouette" not in result.metrics


def test_clusters_have_inertia_and_silhouette_and_a_model_that_does_not_predict_its_loss():
    clusters = run(training(held_out=0.3, model=KMeans(clusters=3), batch_size=None), 0).metrics
    means = run(training(held_out=0.3, model=Means()), 0)

    assert clusters["held_out_inertia"] == pytest.approx(45 * clusters["held_out_loss"])
    assert 0 < clusters["held_out_silhouette"] < 1
    assert "held_out_accuracy" not in clusters
    assert {name for name in means.metrics if name.startswith("held_out")} == {"held_out_loss"}
    assert list(means.series) == ["loss"]


def test_held_out_rows_are_evaluated_as_often_as_the_objective_where_that_is_asked():
    result = run(training(held_out=0.25, evaluate_held_out=True, evaluate_every=3, steps=12), 0)
    frame = result.series["held_out"]

    assert frame["step"].tolist() == result.series["loss"]["step"].tolist() == [3, 6, 9, 12]
    assert frame["score"].iloc[-1] == result.metrics["held_out_accuracy"]
    assert frame["loss"].iloc[-1] == result.metrics["held_out_loss"]
    means = run(training(held_out=0.25, evaluate_held_out=True, model=Means()), 0).series["held_out"]
    assert (means["score"] == -means["loss"]).all()


def test_evaluating_held_out_rows_changes_nothing_else():
    once, often = (run(training(held_out=0.25, evaluate_held_out=often), 0) for often in (False, True))

    assert once.outcome.parameters.tobytes() == often.outcome.parameters.tobytes()
    assert once.digest == Trace.of(often.trace.without("held_out").rows()).digest()


def test_more_workers_than_held_out_rows_predict_all_the_same():
    cluster = ClusterSpec(nodes=(NodeSpec(name="s"), *nodes("w", 20)))
    job = TrainingJob(model=Softmax(), data=IRIS, server="s", workers=cluster.names[1:], steps=2, held_out=0.02)

    assert len(run(Scenario(cluster=cluster, job=job), 0).outcome.held_out.predicted) == 3


@pytest.mark.filterwarnings("error")
def test_parameters_that_are_no_numbers_predict_nothing_and_the_verdict_says_why():
    lost = run(training(held_out=0.25, evaluate_held_out=True, optimiser=GradientDescent(learning_rate=1e308)), 0)

    assert lost.verdicts[0].name == "diverged"
    assert "held_out_accuracy" not in lost.metrics
    assert math.isnan(lost.series["held_out"]["score"].iloc[-1])


def test_a_saved_result_keeps_what_was_predicted(tmp_path):
    result = run(training(held_out=0.25, standardised=True), 0)

    loaded = Result.load(result.save(tmp_path / "r"))

    np.testing.assert_array_equal(loaded.outcome.held_out.predicted, result.outcome.held_out.predicted)
    np.testing.assert_array_equal(loaded.outcome.scaling.mean, result.outcome.scaling.mean)
    assert loaded.metrics == result.metrics


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"held_out": 1.0}, "held_out: "),
        ({"held_out": -0.1}, "held_out: "),
        ({"held_out": True}, "held_out: must be a number and no truth value"),
        ({"held_out": float("nan")}, "held_out: "),
        ({"evaluate_held_out": True}, "evaluate_held_out must be false where no rows are held out, got true"),
        ({"held_out": 0.001}, "held_out must leave rows of every class on both sides, got 0.001 of 150 rows"),
        ({"held_out": 0.99}, "held_out must leave rows of every class on both sides, got 0.99 of 150 rows"),
        ({"shares": (1.0, 2.0)}, r"shares must be one for each of 3 workers, got \(1.0, 2.0\)"),
        ({"shares": (1.0, 0.0, 1.0)}, "shares"),
        ({"shares": "half"}, "shares"),
    ],
)
def test_what_cannot_be_is_refused_when_the_scenario_is_made(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**fields)


def test_a_model_that_predicts_nothing_sensible_is_refused_when_rows_are_held_out():
    class Wrong(Means):
        def predict(self, parameters, features):
            return features

    with pytest.raises(ValueError, match=r"Wrong\.predict must give a number for each of 1 rows"):
        training(model=Wrong(), held_out=0.25)
    training(model=Wrong())


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_standardised_features_are_those_of_scikit_learn_fitted_to_the_rows_that_are_learned_from(workers):
    job = training(standardised=True, held_out=0.25, sharding=Dirichlet()).job
    made = prepared(job.replace(workers=job.workers[:workers]))
    learned, held = held_out_split(IRIS, 0.25, stream(0, "held_out"))

    scaler = StandardScaler().fit(learned.features)
    np.testing.assert_allclose(made.data.features, scaler.transform(learned.features), rtol=0, atol=1e-12)
    np.testing.assert_allclose(made.held_out.features, scaler.transform(held.features), rtol=0, atol=1e-12)
    np.testing.assert_allclose(made.scaling.mean, scaler.mean_, rtol=0, atol=1e-12)


@pytest.mark.parametrize("split", ["random", "ordered", "by_key", "dirichlet"])
def test_full_batches_reach_one_machine_s_parameters_whatever_the_split_and_the_shares(split):
    fields = {"standardised": True, "held_out": 0.25, "batch_size": None}
    one = training(**fields).job
    scenario = training(**fields, sharding=split, shares=(1.0, 5.0, 2.0))
    alone = run(training(**fields).replace(job=one.replace(workers=one.workers[:1])), 0)

    np.testing.assert_allclose(run(scenario, 0).outcome.parameters, alone.outcome.parameters, rtol=0, atol=1e-10)


def test_shares_by_speed_let_all_workers_end_their_steps_together():
    speeds = (1e6, 2e6, 5e6)
    machines = [NodeSpec(name=f"w-{place}", flops_per_s=rate) for place, rate in enumerate(speeds)]
    cluster = ClusterSpec(nodes=(NodeSpec(name="s"), *machines))
    job = TrainingJob(model=Softmax(), server="s", workers=cluster.names[1:], steps=5, batch_size=None)
    times, rows = {}, {}
    for shares in ("equal", "speed", (1.0, 2.0, 5.0)):
        result = run(Scenario(cluster=cluster, job=job.replace(shares=shares)), 0)
        times[shares] = result.ended_s
        rows[shares] = prepared(result.scenario.job, 0, speeds).batch_rows.tolist()

    assert rows["speed"] == [225, 449, 1123] == rows[(1.0, 2.0, 5.0)]
    assert times["speed"] == times[(1.0, 2.0, 5.0)] < 0.45 * times["equal"]


def test_batches_are_in_proportion_to_shares_that_are_not_equal():
    assert prepared(training(batch_size=8, shares=(1.0, 2.0, 3.0)).job).batch_rows.tolist() == [4, 8, 12]
    assert prepared(training(batch_size=8, shares=(1.0, 100.0, 1.0)).job).batch_rows.tolist() == [1, 24, 1]
    with pytest.raises(ValueError, match="shares by speed need the speed of each worker, got none"):
        prepared(training(shares="speed").job)


def test_crashes_change_no_bit_of_what_is_predicted_of_held_out_rows():
    fields = {"held_out": 0.25, "standardised": True, "shares": (1.0, 2.0, 1.0), "checkpoint_every": 2, "steps": 8}
    undisturbed = run(training(waiting=BoundedStaleness(), **fields), 0)
    restored = 0
    for schedule in range(50):
        generator = stream(schedule, "crashes")
        times_s, down = generator.uniform(0, 0.12, 3).tolist(), generator.choice(NODES, 3).tolist()
        crashes = [CrashNode(node=node, begin_s=at, end_s=at + 0.02) for node, at in zip(down, times_s, strict=True)]
        crashed = run(training(crashes, waiting=BoundedStaleness(), **fields), 0)
        assert crashed.outcome.parameters.tobytes() == undisturbed.outcome.parameters.tobytes()
        assert crashed.outcome.held_out.probabilities.tobytes() == undisturbed.outcome.held_out.probabilities.tobytes()
        restored += len(list(crashed.trace.rows("restore")))
    assert restored > 10


@pytest.mark.slow
def test_without_held_out_rows_a_run_imports_nothing_more_and_records_nothing_more():
    code = (
        "import sys; from tests.strategies import training; from simcluster import run; result = run(training(), 0); "
        "assert 'sklearn' not in sys.modules and 'pandas' not in sys.modules; assert result.outcome.held_out is None; "
        "assert result.outcome.held_out_loss is None and not list(result.trace.rows('held_out')); "
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_shares_may_be_as_great_as_numbers_are():
    job = training(shares=(1e308, 1e308, 1e308)).job

    assert job.shares_of().tolist() == training().job.shares_of().tolist()
