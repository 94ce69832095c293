"""Linear models on a cluster: the answer of one machine whatever the split and whoever crashes, and the bytes sent."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression as SklearnRegression
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from simcluster import ClusterSpec, NodeSpec, Scenario, load_scenario, nodes, run
from simcluster.engine import Environment, Trace, stream
from simcluster.faults import CrashNode
from simcluster.learning import Bundled, arrays
from simcluster.training import (
    Adam,
    GradientDescent,
    KMeans,
    Lbfgs,
    LinearRegression,
    LinearSvm,
    LogisticRegression,
    Momentum,
    Nesterov,
    NormalEquations,
    Softmax,
    TopK,
    Training,
    TrainingJob,
    by_key,
    ordered,
    random,
)

SCENARIOS = Path(__file__).parents[2] / "experiments" / "scenarios"
CANCER = Bundled(name="breast_cancer").load()
IRIS = Bundled(name="iris").load()
DIABETES = arrays(*load_diabetes(return_X_y=True), labels=False, scaled=True)
AUTO = GradientDescent(learning_rate="auto")
ALGORITHMS = {
    "linear regression": (LinearRegression(), DIABETES, AUTO),
    "normal equations": (NormalEquations(), DIABETES, AUTO),
    "logistic regression": (LogisticRegression(), CANCER, AUTO),
    "hinge": (LinearSvm(margin="hinge"), CANCER, GradientDescent(learning_rate=0.1)),
    "squared hinge": (LinearSvm(), CANCER, AUTO),
    "softmax": (Softmax(), IRIS, AUTO),
    "momentum": (LogisticRegression(), CANCER, Momentum(learning_rate="auto")),
    "nesterov": (LinearRegression(), DIABETES, Nesterov(learning_rate="auto")),
    "adam": (LogisticRegression(), CANCER, Adam(learning_rate=0.01)),
    "lbfgs": (LogisticRegression(l2=0.01), CANCER, Lbfgs()),
    "lbfgs of many classes": (Softmax(l2=0.01), IRIS, Lbfgs(history=5)),
}
EACH = pytest.mark.parametrize("name", ALGORITHMS)


def scenario(model, data, optimiser=AUTO, workers=3, faults=(), **fields):
    fields = {"batch_size": None, "steps": 25, "evaluate_every": 1000, "retry_s": 0.05, **fields}
    names = tuple(f"worker-{place}" for place in range(workers))
    return Scenario(
        cluster=ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("worker", workers, flops_per_s=1e7))),
        job=TrainingJob(model=model, data=data, optimiser=optimiser, server="server", workers=names, **fields),
        faults=tuple(faults),
        horizon_s=600.0,
    )


def prepared(job):
    return Training(job, 0, (env := Environment()).event(), Trace(env))


def trained(scenario):
    result = run(scenario, 0)
    assert result.ended == "finished"
    assert result.verdicts == ()
    return result.outcome.parameters


def alone(model, data, optimiser=AUTO, steps=25):
    """What one machine computes, in a loop without a cluster."""
    training = prepared(scenario(model, data, optimiser, workers=1).job)
    parameters, memory = training.initial, training.optimiser.start(training.initial)
    for clock in range(steps):
        total = model.contribution(parameters, data.all)()
        if hasattr(model, "update"):
            parameters = model.update(parameters, total, float(len(data)))
        else:
            gradient = model.gradient(parameters, total, float(len(data)))
            parameters, memory = training.optimiser.step(parameters, gradient, memory, clock, 1.0)()
    return parameters


@EACH
@pytest.mark.parametrize(("workers", "how"), [(1, random), (2, by_key), (3, ordered), (7, random), (7, by_key)])
def test_the_answer_is_one_machine_s_for_any_number_of_nodes_and_any_split(name, workers, how):
    model, data, optimiser = ALGORITHMS[name]

    ours = trained(scenario(model, data, optimiser, workers, sharding=how))

    np.testing.assert_allclose(ours, alone(model, data, optimiser), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("how", [random, by_key])
def test_lbfgs_is_at_the_same_optimum_for_any_split_however_its_ways_differ(how):
    """Columns of [0, 1] and their ones: the curvatures are 10⁵ apart, and 50 steps differ by 10⁻⁶."""
    model = LinearRegression()

    ours = trained(scenario(model, DIABETES, Lbfgs(), 7, sharding=how, steps=300))

    np.testing.assert_allclose(ours, alone(NormalEquations(), DIABETES, steps=1)[0], rtol=1e-8)


def test_the_normal_equations_are_solved_in_one_round():
    made = scenario(NormalEquations(l2=0.01), DIABETES, workers=4, steps=1)
    theirs = Ridge(alpha=0.01 * len(DIABETES), tol=1e-12).fit(DIABETES.features, DIABETES.targets)

    outcome = run(made, 0).outcome

    assert outcome.steps == 1
    np.testing.assert_allclose(outcome.parameters[0], np.append(theirs.coef_, theirs.intercept_), rtol=1e-10)
    again = run(scenario(NormalEquations(l2=0.01), DIABETES, workers=4, steps=3), 0).outcome
    np.testing.assert_array_equal(again.parameters, outcome.parameters)


@pytest.mark.parametrize("far", [1e3, 1e6])
def test_means_a_thousand_times_the_spread_and_more_cost_the_normal_equations_no_digits(far):
    """What a split changes is rounding of features as they are given: some units in the last place of the means."""
    noise = stream(4).standard_normal((120, 4))
    data = arrays(far + noise[:, :3], far + noise @ [1.0, 2.0, 3.0, 0.1])
    fields = {"steps": 1, "sharding": by_key}

    ours = [trained(scenario(NormalEquations(), data, workers=count, **fields))[0] for count in (1, 2, 7)]

    for each in ours[1:]:
        np.testing.assert_allclose(each, ours[0], rtol=1e-10)
    np.testing.assert_allclose(ours[0][:3], [1.0, 2.0, 3.0], atol=0.05)


@EACH
@pytest.mark.parametrize("workers", [1, 4])
def test_the_bytes_on_the_network_are_those_of_the_docstring(name, workers):
    model, data, optimiser = ALGORITHMS[name]
    made = scenario(model, data, optimiser, workers, steps=6, retry_s=1e3)
    weights = prepared(made.job).initial.size
    columns = data.features.shape[1] + 1
    contribution = (columns + 1) * columns if name == "normal equations" else weights
    a_round = workers * (144 + 8 * (contribution + weights))

    sent = [row["size_bytes"] for row in run(made, 0).trace.rows("send")]

    assert sum(sent) == 6 * a_round + workers * 64  # and once the worker's first question, which brings nothing
    if isinstance(model, Softmax):
        assert a_round == workers * (144 + 16 * 5 * 3)
    elif name != "normal equations":
        assert a_round == workers * (144 + 16 * columns)
    else:
        assert weights == 2 * columns


@pytest.mark.slow
@EACH
def test_no_crash_of_anybody_at_any_moment_changes_a_bit(name):
    model, data, optimiser = ALGORITHMS[name]
    fields = {"steps": 8, "checkpoint_every": 1}
    plain = run(scenario(model, data, optimiser, **fields), 0)
    later = 0
    for schedule in range(50):
        generator, crashes = stream(schedule, "crashes"), []
        for node in ("worker-0", "worker-1", "worker-2", "server"):
            if generator.random() < 0.6:
                begin_s = generator.random() * plain.ended_s
                crashes.append(CrashNode(node=node, begin_s=begin_s, end_s=begin_s + 0.03 * generator.random() + 1e-3))

        result = run(scenario(model, data, optimiser, faults=crashes, **fields), 0)

        assert result.ended == "finished"
        assert result.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()
        later += result.ended_s > plain.ended_s
    assert later > 25


@pytest.mark.parametrize("size", [1, 4, 16])
@pytest.mark.parametrize("optimiser", [GradientDescent(learning_rate=0.3), Momentum(), Adam(), Nesterov()])
def test_stochastic_and_mini_batch_steps_are_those_of_plain_numpy_on_the_same_rows(size, optimiser):
    made = scenario(LogisticRegression(l2=0.0), CANCER, optimiser, batch_size=size, steps=20)
    training, weights, memory = prepared(made.job), np.zeros(31), optimiser.start(np.zeros(31))
    for clock in range(20):
        rows = np.concatenate([training.rows(worker, clock).index for worker in range(3)])
        features, labels = CANCER.with_ones[rows], CANCER.targets[rows]
        gradient = features.T @ (1 / (1 + np.exp(-features @ weights)) - labels) / len(rows)
        weights, memory = optimiser.step(weights, gradient, memory, clock, 1.0)()

    assert len(rows) == 3 * size
    np.testing.assert_allclose(trained(made), weights, rtol=1e-9, atol=1e-12)


def test_a_rate_that_decays_brings_mini_batches_to_the_optimum_of_scikit_learns_svc():
    model = LinearSvm(margin="hinge", l2=0.01)
    theirs = SVC(kernel="linear", C=1 / (0.01 * len(CANCER)), tol=1e-6).fit(CANCER.features, CANCER.targets)
    best = model.loss(np.append(theirs.coef_, theirs.intercept_), CANCER.all)()

    def loss(**rate):
        made = scenario(model, CANCER, GradientDescent(learning_rate=5.0, **rate), batch_size=32, steps=600)
        return run(made, 0).outcome.loss

    assert best < loss(decay=5.0 * 0.01) < best * 1.01
    assert loss() > best * 1.1


def test_the_node_that_solves_is_busy_for_what_a_solution_takes():
    made = scenario(NormalEquations(), DIABETES, steps=1)
    slow = NodeSpec(name="server", flops_per_s=1e4)
    made = made.replace(cluster=made.cluster.replace(nodes=(slow, *made.cluster.nodes[1:])))

    assert run(made, 0).ended_s >= (9 * 11**3 + 6 * 11**2) / 1e4


def test_the_files_of_ridge_come_to_one_answer_and_the_normal_equations_for_a_tenth_of_the_bytes():
    names = ("linear_regression", "ridge_normal_equations")
    descent, solved = (run(load_scenario(SCENARIOS / f"{name}.yaml"), 0) for name in names)

    np.testing.assert_allclose(descent.outcome.parameters, solved.outcome.parameters[0], atol=1e-9)
    assert solved.metrics["sent_bytes"] < descent.metrics["sent_bytes"] / 10


def quarter(data, number):
    """Three quarters to learn from, and a quarter held out."""
    parts = train_test_split(data.features, data.targets, test_size=0.25, stratify=data.targets, random_state=number)
    return arrays(parts[0], parts[2]), parts[1], parts[3]


@pytest.mark.parametrize(
    ("name", "model", "least"),
    [
        ("breast_cancer", LogisticRegression(), 0.96),
        ("breast_cancer", LinearSvm(l2=0.01), 0.96),
        ("digits", Softmax(), 0.95),
    ],
)
def test_what_is_learned_holds_of_a_quarter_that_was_held_out_and_of_four_on_average(name, model, least):
    found = []
    for number in range(4):
        seen, features, labels = quarter(Bundled(name=name).load(), number)
        parameters = trained(scenario(model, seen, Lbfgs(), workers=4, steps=60))
        found.append(accuracy_score(labels, model.predict(parameters, features)))

    assert found[1] >= least
    assert np.mean(found) >= least


def test_each_quarter_is_told_apart_exactly_as_by_scikit_learn_of_the_same_penalty():
    l2, model = 1e-4, LogisticRegression(l2=1e-4)
    for number in range(4):
        seen, features, labels = quarter(CANCER, number)
        theirs = SklearnRegression(C=1 / (l2 * len(seen)), tol=1e-10, max_iter=10_000).fit(seen.features, seen.targets)

        parameters = trained(scenario(model, seen, Lbfgs(), workers=4, steps=60))

        assert accuracy_score(labels, model.predict(parameters, features)) == theirs.score(features, labels)


@pytest.mark.parametrize("model", [KMeans(clusters=2), NormalEquations()])
def test_an_optimiser_is_nothing_to_a_model_that_has_no_gradient(model):
    data, fields = (DIABETES, {"steps": 2}) if isinstance(model, NormalEquations) else (IRIS, {"staleness": 2})

    ours, theirs = (trained(scenario(model, data, each, **fields)) for each in (Lbfgs(), AUTO))

    assert ours.tobytes() == theirs.tobytes()


NASTY = {
    "one row on each node": arrays([[0.0, 1.0], [1.0, 0.5], [2.0, 0.0], [3.0, 2.0]], [0, 1, 0, 1]),
    "constant features": arrays(np.ones((8, 3)), [0, 1] * 4),
    "rows that are all the same": arrays(np.full((8, 2), 0.3), [0, 1] * 4),
    "rows twice": arrays(np.repeat(stream(0).standard_normal((4, 2)), 2, axis=0), [0, 0, 1, 1] * 2),
    "one class alone but for a row": arrays(stream(1).standard_normal((9, 2)), [0] * 8 + [1]),
    "one class": arrays(stream(2).standard_normal((8, 2)), [1] * 8),
    "features of zeros": arrays(np.zeros((8, 2)), [0, 1] * 4),
    "features far apart": arrays([[1e6, 1e-6], [2e6, 2e-6], [-1e6, 3e-6], [0.0, 1e-6]], [0, 1, 0, 1]),
}


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("kind", NASTY)
def test_hard_data_give_one_machine_s_answer_and_nothing_that_is_no_number(name, kind):
    model, _, optimiser = ALGORITHMS[name]
    data = NASTY[kind]
    if data.classes is not None and isinstance(model, LinearRegression | NormalEquations):
        data = arrays(data.features, data.targets.astype(float))
    if kind == "features far apart" and optimiser == GradientDescent(learning_rate=0.1):
        optimiser = GradientDescent(learning_rate=1e-12)

    ours = trained(scenario(model, data, optimiser, workers=4, sharding=by_key, steps=10))
    theirs = alone(model, data, optimiser, steps=10)

    assert np.isfinite(ours).all()
    predicted, expected = (model.predict(each, data.features) for each in (ours, theirs))
    np.testing.assert_allclose(predicted, expected, rtol=1e-9, atol=1e-9)
    assert model.loss(ours, data.all)() == pytest.approx(model.loss(theirs, data.all)(), rel=1e-9, abs=1e-12)


def test_more_nodes_than_rows_are_refused_with_their_numbers():
    with pytest.raises(ValueError, match="every shard must have a row, got 4 rows for 5 shards"):
        run(scenario(LogisticRegression(), NASTY["one row on each node"], workers=5), 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": NormalEquations(), "batch_size": 32}, "batch_size must be None with NormalEquations, .*, got 32"),
        ({"optimiser": Lbfgs(), "compression": TopK(share=0.5)}, "compression must be None with Lbfgs, .*, got TopK"),
        ({"model": LinearSvm(margin="hinge"), "optimiser": Lbfgs()}, "margin must be squared_hinge with lbfgs"),
        ({"optimiser": Lbfgs(), "batch_size": 32}, "batch_size must be None with Lbfgs, .*, got 32"),
        ({"optimiser": Lbfgs(), "staleness": 1}, "waiting must be bulk-synchronous with Lbfgs, .*, got Bound"),
        ({"optimiser": Lbfgs(), "backup_workers": 1}, "waiting must be bulk-synchronous with Lbfgs, .*, got Bound"),
    ],
)
def test_parts_that_make_no_sense_together_are_refused_when_the_job_is_made(fields, message):
    with pytest.raises(ValueError, match=message):
        scenario(**{"model": LogisticRegression(), "data": CANCER, **fields})


def test_an_automatic_rate_that_there_is_not_is_refused_when_the_scenario_is_made():
    with pytest.raises(ValueError, match="learning_rate must be a number for a loss that is not smooth, got 'auto'"):
        scenario(LinearSvm(margin="hinge"), CANCER)
