"""Each optimiser, beside ten lines of plain NumPy; and the rate that is found by itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, rosen, rosen_der

from simcluster.engine import stream
from simcluster.learning import (
    Adam,
    Bundled,
    GradientDescent,
    KMeans,
    Lbfgs,
    LinearRegression,
    LinearSvm,
    LogisticRegression,
    Momentum,
    Nesterov,
    Softmax,
    arrays,
    fitted,
)

CANCER = Bundled(name="breast_cancer").load()
OPTIMISERS = {
    "descent": GradientDescent(learning_rate=0.01), "momentum": Momentum(learning_rate=0.01),
    "nesterov": Nesterov(learning_rate=0.01), "nesterov_constant": Nesterov(learning_rate=0.01, momentum=0.8),
    "adam": Adam(learning_rate=0.01), "lbfgs": Lbfgs(history=3),
}  # fmt: skip


def points(optimiser, gradient, start, steps, share=1.0):
    """Where it goes, in arrays that nobody may write to, as those of a checkpoint are."""
    parameters, memory, found = start, optimiser.start(start), []
    for clock in range(steps):
        for array in (parameters, memory):
            array.flags.writeable = False
        parameters, memory = optimiser.step(parameters, gradient(parameters), memory, clock, share)()
        found.append(parameters)
    return found


def descent(gradient, w, steps, rate):
    for _ in range(steps):
        w = w - rate * gradient(w)
        yield w


def momentum(gradient, w, steps, rate, beta=0.9):
    velocity = 0 * w
    for _ in range(steps):
        velocity = beta * velocity + gradient(w)
        w = w - rate * velocity
        yield w


def nesterov(gradient, y, steps, rate, beta=None):
    w, t = y, 1.0
    for _ in range(steps):
        before, w = w, y - rate * gradient(y)
        following = (1 + math.sqrt(1 + 4 * t**2)) / 2
        y = w + ((t - 1) / following if beta is None else beta) * (w - before)
        t = following
        yield y


def adam(gradient, w, steps, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m = v = 0 * w
    for step in range(1, steps + 1):
        g = gradient(w)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        w = w - rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + epsilon)
        yield w


def lbfgs(gradient, w, steps, history):
    """With the inverse Hessian as a matrix, from BFGS updates of the last pairs (Nocedal & Wright 7.19)."""
    pairs, line, alpha = [], None, 1.0
    for _ in range(steps):
        g = gradient(w)
        if line is not None:
            base, before, d = line
            if g @ d > 0.8 * abs(before @ d):
                alpha *= max(0.1, before @ d / (before @ d - g @ d))
                yield (w := base + alpha * d)
                continue
            s, y = w - base, g - before
            pairs = [*pairs, (s, y)][-history:] if s @ y > 1e-10 * np.linalg.norm(s) * np.linalg.norm(y) else pairs
        matrix = np.eye(len(w)) * (pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1]) if pairs else 1)
        for s, y in pairs:
            v = np.eye(len(w)) - np.outer(y, s) / (s @ y)
            matrix = v.T @ matrix @ v + np.outer(s, s) / (s @ y)
        line, alpha = (w, g, -matrix @ g if pairs else -g / max(1, np.abs(g).sum())), 1.0
        yield (w := w + line[2])


PLAIN = {
    "descent": lambda *given: descent(*given, 0.01), "momentum": lambda *given: momentum(*given, 0.01),
    "nesterov": lambda *given: nesterov(*given, 0.01), "nesterov_constant": lambda *given: nesterov(*given, 0.01, 0.8),
    "adam": lambda *given: adam(*given, 0.01), "lbfgs": lambda *given: lbfgs(*given, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMISERS)
@given(seed=st.integers(0, 99))
def test_it_goes_where_ten_lines_of_numpy_go(name, seed):
    generator = stream(seed, "quadratic")
    matrix, aim, start = (generator.standard_normal(shape) for shape in ((12, 6), 6, 6))

    def gradient(w):
        return matrix.T @ (matrix @ (w - aim)) + 0.1 * (w - aim) ** 3

    theirs = list(PLAIN[name](gradient, start, 12))

    np.testing.assert_allclose(points(OPTIMISERS[name], gradient, start, 12), theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_matrix_of_parameters_is_moved_as_its_numbers_are(name):
    start = stream(0).standard_normal(12)

    flat = points(OPTIMISERS[name], lambda w: 3 * w - 1, start, 9)
    shaped = points(OPTIMISERS[name], lambda w: 3 * w - 1, start.reshape(4, 3).copy(), 9)

    np.testing.assert_array_equal(np.reshape(shaped, (9, 12)), flat)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_what_a_step_costs_depends_on_sizes_alone_and_what_it_remembers_keeps_its_shape(name):
    optimiser = OPTIMISERS[name]
    costs, shapes = [], []
    for size in (10, 20, 30):
        start = np.ones(size)
        step = optimiser.step(start, np.ones(size), memory := optimiser.start(start), 0, 1.0)
        costs.append(step.cost)
        shapes.append((memory.shape, step()[1].shape, memory.dtype))

    assert costs[2].flops - costs[1].flops == costs[1].flops - costs[0].flops > 0
    assert costs[2].bytes - costs[1].bytes == costs[1].bytes - costs[0].bytes > 0
    assert all(before == after and dtype == np.float64 for before, after, dtype in shapes)


def test_a_rate_that_decays_is_robbins_and_monros():
    optimiser = GradientDescent(learning_rate=0.5, decay=0.1)

    moved = points(optimiser, lambda w: 0 * w + 1, np.zeros(1), 4)

    np.testing.assert_allclose(np.ravel(moved), -np.cumsum([0.5, 0.5 / 1.1, 0.5 / 1.2, 0.5 / 1.3]), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(OPTIMISERS) - {"lbfgs"}))
def test_a_share_of_a_step_moves_by_that_share(name):
    start = np.array([1.0, -2.0])
    whole, part = (points(OPTIMISERS[name], lambda w: 3 * w, start.copy(), 1, share)[0] for share in (1.0, 0.25))

    np.testing.assert_allclose(part - start, 0.25 * (whole - start), rtol=1e-12)


def test_lbfgs_makes_no_share_of_a_step():
    with pytest.raises(ValueError, match=r"share must be 1 with lbfgs, which makes whole steps, got 0\.5"):
        Lbfgs().step(np.ones(2), np.ones(2), Lbfgs().start(np.ones(2)), 0, 0.5)


def test_lbfgs_is_at_the_minimum_as_soon_as_scipys_and_takes_steps_back_that_are_too_long():
    start = np.array([-1.2, 1.0, -1.2, 1.0])
    theirs = minimize(rosen, start, jac=rosen_der, method="L-BFGS-B", options={"gtol": 1e-8})

    ours = points(Lbfgs(), rosen_der, start, 2 * theirs.nfev)

    assert rosen(ours[-1]) < 1e-15
    steep = points(Lbfgs(), lambda w: 1e4 * w, np.full(2, 1e-3), 6)  # of which a first step of 1 would be 10,000 × L
    assert np.abs(steep[-1]).max() < 1e-12


def fading(w):
    """Of log(1 + e^-w): it is nothing at infinity, where the minimum is."""
    return -np.exp(-np.logaddexp(0, w))


@pytest.mark.parametrize("gradient", [lambda w: 0 * w, lambda w: 0 * w + 1.0, np.sign, fading])
def test_lbfgs_divides_by_nothing_where_there_is_no_curvature(gradient):
    assert np.isfinite(points(Lbfgs(history=2), gradient, np.array([3.0, -4.0]), 1000)).all()


def test_what_is_no_number_stays_so_and_raises_nothing():
    for optimiser in OPTIMISERS.values():
        with np.errstate(invalid="ignore"):
            assert np.isnan(points(optimiser, lambda w: w * np.nan, np.ones(3), 4)[-1]).all()


MODELS = {
    "linear_regression": LinearRegression(l2=0.01), "logistic_regression": LogisticRegression(l2=0.01),
    "softmax": Softmax(l2=0.01), "linear_svm": LinearSvm(l2=0.01),
}  # fmt: skip


def learned(name):
    if name != "linear_regression":
        return CANCER
    return arrays(CANCER.features, CANCER.features @ np.arange(30.0) + CANCER.targets)


@pytest.mark.parametrize("name", MODELS)
def test_the_smoothness_bounds_the_curvature_everywhere(name):
    model, data = MODELS[name], learned(name)
    generator, steepest = stream(5), 0.0
    shape = model.initial(data, generator).shape

    def gradient(point):
        return model.gradient(point, model.contribution(point, data.all)(), float(len(data)))

    direction = generator.standard_normal(shape)
    for _ in range(30):  # power iteration at the start, where the curvature is greatest, and near it
        point = 1e-3 * generator.standard_normal(shape)
        change = (gradient(point + 1e-4 * direction) - gradient(point)) / 1e-4
        steepest = max(steepest, np.linalg.norm(change) / np.linalg.norm(direction))
        direction = change / np.linalg.norm(change)

    assert 0.5 * model.smoothness(data) < steepest <= model.smoothness(data) * (1 + 1e-6)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("optimiser", [GradientDescent, Momentum, Nesterov])
def test_the_automatic_rate_is_one_over_the_smoothness(name, optimiser):
    found = fitted(optimiser(learning_rate="auto"), MODELS[name], learned(name))

    assert found == optimiser(learning_rate=1 / MODELS[name].smoothness(learned(name)))


def test_a_rate_that_is_given_stays_and_an_automatic_one_makes_no_step_unfitted():
    given = Momentum(learning_rate=0.3)

    assert fitted(given, Rough(), CANCER) is given
    unused = GradientDescent(learning_rate="auto")
    assert fitted(unused, KMeans(), CANCER) is unused
    with pytest.raises(ValueError, match="learning_rate must be a number when a step is made, got 'auto'"):
        GradientDescent(learning_rate="auto").step(np.ones(2), np.ones(2), np.empty(0), 0, 1.0)


class Rough:
    """A model that goes down a gradient of which it knows nothing."""

    def gradient(self, parameters, total, rows):
        return total


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Rough(), "learning_rate must be a number for a model without smoothness, got 'auto' for Rough"),
        (LinearSvm(margin="hinge"), "learning_rate must be a number for a loss that is not smooth, got 'auto' for the"),
    ],
)
def test_an_automatic_rate_without_a_lipschitz_constant_is_refused(model, message):
    with pytest.raises(ValueError, match=message):
        fitted(GradientDescent(learning_rate="auto"), model, CANCER)


def test_features_whose_squares_are_no_numbers_have_no_automatic_rate():
    data = arrays([[1e200], [0.0]], [0, 1])
    with pytest.raises(ValueError, match="features must have finite squares, got up to 1e\\+200"):
        fitted(GradientDescent(learning_rate="auto"), LogisticRegression(), data)


@pytest.mark.parametrize("name", ["linear_regression", "logistic_regression"])
def test_descent_at_the_automatic_rate_never_goes_up_and_at_more_than_twice_it_does(name):
    model, data = MODELS[name], learned(name)
    rate = 1 / model.smoothness(data)

    def losses(rate):
        start = model.initial(data, stream(0))
        moved = points(
            GradientDescent(learning_rate=rate),
            lambda w: model.gradient(w, model.contribution(w, data.all)(), float(len(data))), start, 40,
        )  # fmt: skip
        return np.array([model.loss(point, data.all)() for point in [start, *moved]])

    assert (np.diff(losses(rate)) < 0).all()
    # Logits flatten away from the start, so it takes more there.
    assert (np.diff(losses(rate * (2.1 if name == "linear_regression" else 100))) > 0).any()


def test_nesterov_is_within_its_bound_and_ahead_of_descent():
    """Beck & Teboulle 2009, theorem 4.4: 2L‖w₀ − w*‖²/(k + 1)²."""
    scales = np.logspace(0, -4, 20)

    def value(w):
        return (scales * w**2).sum() / 2

    kinds = Nesterov(learning_rate=1.0), GradientDescent(learning_rate=1.0)
    fast, slow = (points(kind, lambda w: scales * w, np.ones(20), 100) for kind in kinds)

    assert all(value(w) <= 2 * 20 / k**2 for k, w in enumerate(fast, 1))
    assert value(fast[-1]) < value(slow[-1]) / 3
