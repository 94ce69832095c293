"""Linear models: their gradients, their scikit-learn twins, what they predict, and what they refuse."""

import numpy as np
import pytest
import sklearn.linear_model
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.special import expit, softmax
from sklearn.datasets import load_diabetes
from sklearn.svm import SVC, LinearSVC

from simcluster.engine import stream
from simcluster.kernels import least_squares
from simcluster.learning import (
    Bundled,
    Lbfgs,
    LinearRegression,
    LinearSvm,
    LogisticRegression,
    NormalEquations,
    Rows,
    Softmax,
    arrays,
)

CANCER = Bundled(name="breast_cancer").load()
IRIS = Bundled(name="iris").load()
DIABETES = arrays(*load_diabetes(return_X_y=True), labels=False, scaled=True)
MODELS = {
    "linear_regression": (LinearRegression(l2=0.01), DIABETES),
    "normal_equations": (NormalEquations(l2=0.01), DIABETES),
    "logistic_regression": (LogisticRegression(l2=0.01), CANCER),
    "squared_hinge": (LinearSvm(l2=0.01), CANCER),
    "hinge": (LinearSvm(l2=0.01, margin="hinge"), CANCER),
    "softmax": (Softmax(l2=0.01), IRIS),
}
SMOOTH = sorted(set(MODELS) - {"normal_equations", "hinge"})


def drawn(name, seed=0):
    model, data = MODELS[name]
    initial = model.initial(data, stream(seed))
    return initial + stream(seed, "point").standard_normal(initial.shape)


def learned(model, data, steps=300):
    """Where L-BFGS comes to."""
    parameters, optimiser = model.initial(data, stream(0)), Lbfgs()
    memory = optimiser.start(parameters)
    for clock in range(steps):
        gradient = model.gradient(parameters, model.contribution(parameters, data.all)(), float(len(data)))
        parameters, memory = optimiser.step(parameters, gradient, memory, clock, 1.0)()
    return parameters


@pytest.mark.parametrize("name", MODELS)
@given(seed=st.integers(0, 9), cuts=st.lists(st.integers(0, 150), max_size=5))
def test_contributions_of_disjoint_rows_add_up_and_no_rows_say_nothing(name, seed, cuts):
    (model, data), point = MODELS[name], drawn(name, seed)
    before = point.copy()
    parts = np.split(stream(seed).permutation(len(data)), sorted(cuts))

    whole = model.contribution(point, data.all)
    said = [model.contribution(point, Rows(data, part))() for part in parts]

    np.testing.assert_allclose(np.sum(said, axis=0), whole(), rtol=1e-9, atol=1e-9)
    assert {each.shape for each in said} == {whole().shape}
    np.testing.assert_array_equal(point, before)
    np.testing.assert_array_equal(model.contribution(point, Rows(data, np.arange(0)))(), np.zeros_like(whole()))


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gradient_is_that_of_the_objective(name):
    (model, data), point = MODELS[name], drawn(name)

    def gradient(flat):
        weights = flat.reshape(point.shape)
        return model.gradient(weights, model.contribution(weights, data.all)(), float(len(data))).ravel()

    def objective(flat):
        return model.loss(flat.reshape(point.shape), data.all)()

    assert check_grad(objective, gradient, point.ravel()) < 1e-4 * np.linalg.norm(gradient(point.ravel()))


@pytest.mark.parametrize("name", MODELS)
def test_the_bias_alone_costs_no_penalty_but_softmax_s(name):
    (model, data), point = MODELS[name], drawn(name)
    plain = model.replace(l2=0.0)
    weights = point if name == "softmax" else point[..., :-1].ravel()[: data.features.shape[1]]

    penalty = model.loss(point, data.all)() - plain.loss(point, data.all)()

    assert penalty == pytest.approx(0.005 * (weights**2).sum(), rel=1e-9)


def test_ridge_is_scikit_learns_by_descent_and_by_the_normal_equations():
    theirs = sklearn.linear_model.Ridge(alpha=0.01 * len(DIABETES), tol=1e-12).fit(DIABETES.features, DIABETES.targets)
    expected = np.append(theirs.coef_, theirs.intercept_)
    model = NormalEquations(l2=0.01)
    start = model.initial(DIABETES, stream(0))

    solved = model.update(start, model.contribution(start, DIABETES.all)(), float(len(DIABETES)))

    np.testing.assert_allclose(solved[0], expected, rtol=1e-10)
    np.testing.assert_allclose(learned(LinearRegression(l2=0.01), DIABETES), expected, rtol=1e-7)
    np.testing.assert_allclose(model.predict(solved, DIABETES.features), theirs.predict(DIABETES.features), rtol=1e-10)


def test_logistic_regression_is_scikit_learns():
    rows = len(CANCER)
    theirs = sklearn.linear_model.LogisticRegression(C=1 / (0.01 * rows), tol=1e-10, max_iter=10_000)
    theirs.fit(CANCER.features, CANCER.targets)
    model, expected = LogisticRegression(l2=0.01), np.append(theirs.coef_, theirs.intercept_)

    ours = learned(model, CANCER)

    np.testing.assert_allclose(ours, expected, atol=1e-4)
    assert model.loss(ours, CANCER.all)() <= model.loss(expected, CANCER.all)() + 1e-12
    np.testing.assert_array_equal(model.predict(expected, CANCER.features), theirs.predict(CANCER.features))
    np.testing.assert_allclose(
        model.probabilities(expected, CANCER.features), theirs.predict_proba(CANCER.features), atol=1e-12
    )


def test_a_squared_hinge_is_scikit_learns_linear_svc_whose_bias_costs_next_to_nothing():
    rows, model = len(CANCER), LinearSvm(l2=0.01)
    # LinearSVC's bias is a feature of this size, so that its penalty is divided by the size's square.
    theirs = LinearSVC(C=1 / (0.01 * rows), intercept_scaling=1e3, tol=1e-10, max_iter=100_000, dual=False)
    theirs.fit(CANCER.features, CANCER.targets)
    expected = np.append(theirs.coef_, theirs.intercept_)

    ours = learned(model, CANCER)

    assert model.loss(ours, CANCER.all)() == pytest.approx(model.loss(expected, CANCER.all)(), rel=1e-6)
    np.testing.assert_array_equal(model.predict(expected, CANCER.features), theirs.predict(CANCER.features))


def test_a_hinge_comes_to_the_objective_of_scikit_learns_svc():
    model = LinearSvm(l2=0.01, margin="hinge")
    theirs = SVC(kernel="linear", C=1 / (0.01 * len(CANCER)), tol=1e-6).fit(CANCER.features, CANCER.targets)
    best = model.loss(np.append(theirs.coef_, theirs.intercept_), CANCER.all)()
    parameters, lowest = model.initial(CANCER, stream(0)), np.inf
    for step in range(3000):
        gradient = model.gradient(parameters, model.contribution(parameters, CANCER.all)(), float(len(CANCER)))
        parameters = parameters - 2 / (1 + 0.01 * step) * gradient
        lowest = min(lowest, model.loss(parameters, CANCER.all)())

    assert best - 1e-6 <= lowest <= best * 1.005


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_of_raw_features_and_of_their_type(name):
    (model, data), point = MODELS[name], drawn(name)

    found = model.predict(point, data.features)

    assert found.shape == (len(data),)
    assert found.dtype == (np.float64 if data.classes is None else np.int64)
    assert model.predict(point, data.features[:0]).shape == (0,)
    with pytest.raises(ValueError, match=r"features must be \(n, \d+\) for these parameters, got \(\d+, \d+\)"):
        model.predict(point, data.with_ones)


def test_probabilities_are_those_of_scipy_and_never_overflow():
    weights = np.array([[1e3, -1e3, 0.0], [0.5, 0.2, 0.1]])
    features = np.array([[2.0], [-2.0], [1e-4], [0.0]])
    scores = features @ weights[:1] + weights[1]

    np.testing.assert_allclose(Softmax().probabilities(weights, features), softmax(scores, axis=1), rtol=1e-12)
    two = LogisticRegression().probabilities(weights[:, 0], features)
    np.testing.assert_allclose(two[:, 1], expit(scores[:, 0]), rtol=1e-12)
    assert (two.sum(axis=1) == 1).all()
    assert Softmax().predict(weights, features).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("name", MODELS)
def test_data_that_it_cannot_learn_from_is_refused_with_what_it_got(name):
    model, data = MODELS[name]
    if data.classes is None:
        wrong, message = IRIS, f"{model.kind} learns numbers, got labels of 3 classes"
    elif name == "softmax":
        wrong, message = DIABETES, "softmax learns labels, got targets that are none"
    else:
        wrong, message = IRIS, f"{model.kind} learns labels of 2 classes, got 3"
        with pytest.raises(ValueError, match=f"{model.kind} learns labels of 2 classes, got targets that are none"):
            model.initial(DIABETES, stream(0))
    with pytest.raises(ValueError, match=message):
        model.initial(wrong, stream(0))


def test_the_server_pays_for_a_solution_as_for_eigenvectors():
    model, small, large = NormalEquations(), np.zeros((2, 10)), np.zeros((2, 100))
    costs = [model.update_cost(each, np.zeros((each.shape[1], each.shape[1] + 1)), 5.0) for each in (small, large)]

    assert costs[0].flops == 9 * 10**3 + 6 * 10**2
    assert 900 < costs[1].flops / costs[0].flops < 1000


def test_columns_that_depend_on_others_have_the_predictions_of_least_squares():
    """A constant feature, one twice, one of zeros, one that is huge: scikit-learn's answer on the rows."""
    generator = stream(1)
    base = generator.standard_normal((40, 3))
    features = np.column_stack([base, np.full(40, 5.0), base[:, 0], np.zeros(40), 1e8 * base[:, 1] + base[:, 2]])
    data = arrays(features, base @ [1.0, 2.0, 3.0] + generator.standard_normal(40))
    theirs = sklearn.linear_model.LinearRegression().fit(features[:, :3], data.targets)
    model = NormalEquations(l2=0.0)
    start = model.initial(data, stream(0))

    solved = model.update(start, model.contribution(start, data.all)(), 40.0)

    np.testing.assert_allclose(model.predict(solved, features), theirs.predict(features[:, :3]), atol=1e-6)
    np.testing.assert_allclose(solved[0, [3, 5]], 0, atol=1e-12)


def test_fewer_rows_than_columns_have_a_finite_answer_that_fits():
    data = arrays(stream(2).standard_normal((3, 8)), [1.0, 2.0, 4.0])
    model = NormalEquations(l2=0.0)
    start = model.initial(data, stream(0))

    solved = model.update(start, model.contribution(start, data.all)(), 3.0)

    np.testing.assert_allclose(model.predict(solved, data.features), data.targets, atol=1e-8)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_sums_that_a_liar_sent_have_no_solution_and_raise_nothing(value):
    model, total = NormalEquations(), np.ones((5, 6))
    total[1, 2] = value

    assert np.isnan(model.update(np.zeros((2, 5)), total, 10.0)).all()


def test_squares_beyond_all_numbers_are_seen_in_the_answer():
    model, data = NormalEquations(), arrays([[1e200], [2e200]], [1.0, 2.0])
    start = model.initial(data, stream(0))

    assert np.isnan(model.update(start, model.contribution(start, data.all)(), 2.0)).all()


@pytest.mark.parametrize("name", MODELS)
def test_what_a_contribution_costs_is_counted_by_its_rows(name):
    (model, data), point = MODELS[name], drawn(name)
    few, twice, thrice = (model.contribution(point, Rows(data, np.arange(n))).cost for n in (40, 80, 120))

    assert 0 < few.flops < twice.flops
    assert twice.flops - few.flops == pytest.approx(thrice.flops - twice.flops)
    assert 0 < few.bytes < twice.bytes
    assert model.loss(point, data.all).cost.flops > 0


def test_the_common_gradient_that_is_summed_to_a_scalar_is_not_ours():
    (model, data), point = MODELS["linear_regression"], drawn("linear_regression")
    residuals = data.with_ones @ point - data.targets

    ours = model.contribution(point, data.all)()

    np.testing.assert_allclose(ours, data.with_ones.T @ residuals, rtol=1e-10)
    assert ours.shape == (11,)
    assert np.ndim(np.sum(residuals[:, None] * data.with_ones)) == 0
    np.testing.assert_allclose(ours / len(data), least_squares.reference(point, data.with_ones, data.targets)[1])
