"""The multilayer perceptron, beside plain NumPy and scikit-learn."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from sklearn.neural_network import MLPClassifier, MLPRegressor

from simcluster.engine import stream
from simcluster.kernels import Cost, dense_backward, dense_forward, softmax_cross_entropy
from simcluster.learning import Bundled, DenseLayer, MultilayerPerceptron, Rows, Softmax, arrays

IRIS = Bundled(name="iris").load()
WIDTHS = arrays(IRIS.features[:, :3], IRIS.features[:, 3], labels=False)
MODELS = {
    "relu": (MultilayerPerceptron(hidden=(7, 5), l2=0.01), IRIS),
    "tanh": (MultilayerPerceptron(hidden=(6,), activation="tanh", l2=0.01), IRIS),
    "linear": (MultilayerPerceptron(hidden=()), IRIS),
    "regression": (MultilayerPerceptron(hidden=(5, 4), activation="tanh", objective="squared_error"), WIDTHS),
}
EACH = pytest.mark.parametrize("name", MODELS)


def made(name, seed=0):
    model, data = MODELS[name]
    return model, data, model.initial(data, stream(seed))


def plain(model, parameters, features, targets):
    """Objective and gradient in plain NumPy, column by column of the chain rule, one row after the other."""
    outputs = 1 if model.objective == "squared_error" else targets.max() + 1
    widths = (features.shape[1], *model.hidden, outputs)
    layers, place = [], 0
    for d, k in pairwise(widths):
        W, b = np.split(parameters[place : place + (d + 1) * k], [d * k])
        layers.append((W.reshape(d, k), b))
        place += (d + 1) * k
    loss, gradients = 0.0, [(np.zeros_like(W), np.zeros_like(b)) for W, b in layers]
    for x, y in zip(features, targets, strict=True):
        values = [x]
        for number, (W, b) in enumerate(layers):
            z = values[-1] @ W + b
            last = number == len(layers) - 1
            values.append(z if last else np.maximum(z, 0) if model.activation == "relu" else np.tanh(z))
        if model.objective == "squared_error":
            loss, slope = loss + 0.5 * (values[-1][0] - y) ** 2, values[-1] - y
        else:
            p = np.exp(values[-1] - values[-1].max())
            p /= p.sum()
            loss, slope = loss - np.log(p[y]), p - np.eye(outputs)[y]
        for number in range(len(layers) - 1, -1, -1):
            W, b = gradients[number]
            W += np.outer(values[number], slope)
            b += slope
            slope = layers[number][0] @ slope
            if number:
                slope = slope * ((values[number] > 0) if model.activation == "relu" else 1 - values[number] ** 2)
    n = len(features)
    penalty = 0.5 * model.l2 * np.sum([np.sum(W**2) for W, _ in layers])
    both = zip(gradients, layers, strict=True)
    flat = [np.concatenate([(g / n + model.l2 * W).ravel(), c / n]) for (g, c), (W, _) in both]
    return loss / n + penalty, np.concatenate(flat)


@EACH
@settings(max_examples=15)
@given(seed=st.integers(0, 9), cuts=st.lists(st.integers(0, 150), max_size=5))
def test_contributions_of_disjoint_rows_add_up_though_some_have_none(name, seed, cuts):
    model, data, point = made(name, seed)
    parts = np.split(stream(seed).permutation(150), sorted(cuts))

    whole = model.contribution(point, data.all)()
    total = np.sum([model.contribution(point, Rows(data, part))() for part in parts], axis=0)

    np.testing.assert_allclose(total, whole, rtol=1e-9, atol=1e-9)
    assert (whole.shape, whole.dtype) == (point.shape, np.float64)


@EACH
def test_objective_and_gradient_are_those_of_plain_numpy(name):
    model, data, point = made(name)
    rows = Rows(data, np.arange(0, 150, 4))
    loss, gradient = plain(model, point, rows.features, rows.targets)

    found = model.gradient(point, model.contribution(point, rows)(), len(rows))
    np.testing.assert_allclose(found, gradient, atol=1e-12)
    assert model.loss(point, rows)() == pytest.approx(loss, abs=1e-13)


@EACH
def test_the_gradient_is_that_of_the_objective(name):
    model, data, point = made(name, 1)

    def gradient(w):
        return model.gradient(w, model.contribution(w, data.all)(), 150.0)

    assert check_grad(lambda w: model.loss(w, data.all)(), gradient, point) < 1e-5


@EACH
def test_rows_by_number_are_the_same_as_a_data_set_of_them(name):
    model, data, point = made(name)
    chosen = Rows(data, np.arange(3, 150, 7))
    alone = arrays(chosen.features, chosen.targets, labels=data.classes is not None).all

    np.testing.assert_array_equal(model.contribution(point, chosen)(), model.contribution(point, alone)())
    assert model.loss(point, chosen)() == model.loss(point, alone)()
    assert model.contribution(point, chosen).cost == model.contribution(point, alone).cost


def coefficients(model, data, parameters):
    """The parameters as scikit-learn has them."""
    found, place = [], 0
    for layer in model.layers(data):
        piece = parameters[place : place + layer.size]
        found.append((layer.weights(piece), piece[-layer.outputs :]))
        place += layer.size
    return [weights for weights, _ in found], [biases for _, biases in found]


@pytest.mark.parametrize("name", ["relu", "tanh", "regression"])
def test_full_batch_steps_are_those_of_scikit_learn_from_the_same_weights(name):
    model, data, point = made(name)
    estimator = MLPRegressor if name == "regression" else MLPClassifier
    theirs = estimator(
        hidden_layer_sizes=model.hidden, activation=model.activation, solver="sgd", alpha=model.l2 * 150,
        batch_size=150, momentum=0, learning_rate_init=0.1, shuffle=False,
    )
    first = {} if name == "regression" else {"classes": [0, 1, 2]}
    theirs.partial_fit(data.features, data.targets, **first)  # makes the arrays, which are filled with our weights
    weights, biases = coefficients(model, data, point)
    for mine, their in zip((*weights, *biases), (*theirs.coefs_, *theirs.intercepts_), strict=True):
        their[...] = mine

    for _ in range(20):
        loss = model.loss(point, data.all)()
        point = point - 0.1 * model.gradient(point, model.contribution(point, data.all)(), 150.0)
        theirs.partial_fit(data.features, data.targets)
        assert theirs.loss_ == pytest.approx(loss, abs=1e-12)

    weights, biases = coefficients(model, data, point)
    for mine, their in zip((*weights, *biases), (*theirs.coefs_, *theirs.intercepts_), strict=True):
        np.testing.assert_allclose(mine, their, atol=1e-12)
    np.testing.assert_allclose(model.predict(point, data.features), theirs.predict(data.features), atol=1e-12)
    if name != "regression":
        np.testing.assert_allclose(
            model.probabilities(point, data.features), theirs.predict_proba(data.features), atol=1e-12
        )


def test_without_hidden_layers_it_is_softmax_regression():
    model, softmax = MultilayerPerceptron(hidden=(), l2=0.0), Softmax(l2=0.0)
    point = model.initial(IRIS, stream(0))

    said, theirs = model.contribution(point, IRIS.all)(), softmax.contribution(point.reshape(5, 3), IRIS.all)()

    np.testing.assert_allclose(said, theirs.ravel(), atol=1e-12)
    assert model.loss(point, IRIS.all)() == pytest.approx(softmax.loss(point.reshape(5, 3), IRIS.all)())


def test_weights_begin_as_he_and_glorot_say_biases_at_zero_and_no_two_units_alike():
    he, glorot = (DenseLayer(400, 300, activation) for activation in ("relu", "tanh"))
    normal, uniform = (layer.initial(stream(0)) for layer in (he, glorot))

    assert np.var(he.weights(normal)) == pytest.approx(2 / 400, rel=0.02)
    assert np.abs(glorot.weights(uniform)).max() <= np.sqrt(6 / 700)
    assert np.var(glorot.weights(uniform)) == pytest.approx(2 / 700, rel=0.02)
    assert not normal[-300:].any()
    assert not uniform[-300:].any()
    assert len(np.unique(he.weights(normal), axis=1).T) == 300
    np.testing.assert_array_equal(normal, he.initial(stream(0)))


@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_a_contribution_costs_what_its_kernels_do_and_loss_less(l2):
    model, rows = MultilayerPerceptron(hidden=(6, 5), l2=l2), Rows(IRIS, np.arange(40))
    point = model.initial(IRIS, stream(0))
    cost, blank = Cost(0.0, 0.0), lambda *shape: np.zeros(shape)
    for d, k in ((4, 6), (6, 5), (5, 3)):
        cost += dense_forward.cost(blank(40, d), blank(d, k), blank(k))
        cost += dense_backward.cost(blank(40, d), blank(d, k), blank(40, k), blank(40, k))
        cost += Cost(2 * d * k, 24 * d * k) if l2 else Cost(0.0, 0.0)
    cost += softmax_cross_entropy.cost(blank(40, 3), rows.targets) + Cost(40 * 3, 16 * 40 * 3)

    assert model.contribution(point, rows).cost == cost
    assert 0 < model.loss(point, rows).cost.flops < cost.flops / 2


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: MultilayerPerceptron(hidden=(3, 0)), "hidden.*greater than or equal to 1, got 0"),
        (lambda: MultilayerPerceptron(activation="sigmoid"), "activation.*'sigmoid'"),
        (lambda: MultilayerPerceptron(l2=-1), "l2.*-1"),
        (lambda: MultilayerPerceptron().initial(WIDTHS, stream(0)), "cross_entropy is that of labels, got targets"),
        (lambda: MultilayerPerceptron(hidden=(5,)).predict(np.zeros(32), IRIS.features), "must be those of .*got 32"),
        (lambda: MultilayerPerceptron(hidden=(5,)).predict(np.zeros(25), IRIS.features), "must be those of .*got 25"),
        (lambda: MODELS["regression"][0].probabilities(np.zeros(9), IRIS.features), "got a model with .*squared_error"),
    ],
)
def test_what_cannot_be_is_refused(refused, message):
    with pytest.raises(ValueError, match=message):
        refused()


def test_labels_can_be_learned_as_numbers():
    model = MultilayerPerceptron(hidden=(4,), objective="squared_error")
    point = model.initial(IRIS, stream(0))

    assert point.shape == (5 * 4 + 5,)
    assert model.predict(point, IRIS.features).dtype == np.float64
    assert np.isfinite(model.contribution(point, IRIS.all)()).all()


@pytest.mark.parametrize(
    "data",
    [
        arrays(np.ones((6, 2)), [0, 1, 0, 1, 2, 2]),  # constant features, all rows alike
        arrays([[1.0, 2.0]] * 5, [0] * 5),  # one class
        arrays([[0.5]], [3]),  # one row, and classes that nobody has
        arrays([[1e150, -1e150], [1.0, 0.0]], [0, 1]),  # scores whose exponentials are no numbers
    ],
)
def test_odd_data_gives_numbers(data):
    model = MultilayerPerceptron(hidden=(3,))
    point = model.initial(data, stream(0))

    assert np.isfinite(model.contribution(point, data.all)()).all()
    assert np.isfinite(model.loss(point, data.all)())
    assert np.isfinite(model.probabilities(point, data.features)).all()
    assert model.predict(point, data.features).dtype == np.int64


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_no_numbers_give_none_and_no_error(value):
    model, data, point = made("relu")
    point[0] = value

    with np.errstate(invalid="ignore"):
        assert np.isnan(model.loss(point, data.all)())
        assert not np.isfinite(model.contribution(point, data.all)()).all()
