"""What every model promises, and what each of them computes, beside plain NumPy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression

from simcluster.engine import stream
from simcluster.learning import Bundled, Cost, GradientDescent, KMeans, Rows, Softmax, arrays, call

IRIS = Bundled(name="iris").load()
MODELS = {"softmax": Softmax(l2=0.01), "kmeans": KMeans(clusters=4)}


def drawn(model, seed=0):
    generator = stream(seed, "point")
    initial = model.initial(IRIS, generator)
    return initial + 0.1 * generator.standard_normal(initial.shape)


@pytest.mark.parametrize("name", MODELS)
@given(seed=st.integers(0, 9), cuts=st.lists(st.integers(1, 149), max_size=5, unique=True))
def test_contributions_of_disjoint_rows_add_up(name, seed, cuts):
    model, point = MODELS[name], drawn(MODELS[name], seed)
    parts = np.split(stream(seed).permutation(150), sorted(cuts))

    whole = model.contribution(point, IRIS.all)()
    total = np.sum([model.contribution(point, Rows(IRIS, part))() for part in parts], axis=0)

    np.testing.assert_allclose(total, whole, rtol=1e-9, atol=1e-9)
    assert whole.dtype == np.float64


@pytest.mark.parametrize("name", MODELS)
def test_rows_by_number_are_the_same_as_a_data_set_of_them(name):
    model, point = MODELS[name], drawn(MODELS[name])
    chosen = Rows(IRIS, np.arange(3, 150, 7))
    alone = arrays(chosen.features, chosen.targets).all

    np.testing.assert_array_equal(model.contribution(point, chosen)(), model.contribution(point, alone)())
    assert model.loss(point, chosen)() == model.loss(point, alone)()
    assert model.contribution(point, chosen).cost == model.contribution(point, alone).cost
    assert model.loss(point, chosen).cost.flops > 0


def test_the_gradient_is_that_of_the_objective():
    model, shape = Softmax(l2=0.01), (5, 3)

    def gradient(flat):
        weights = flat.reshape(shape)
        return model.gradient(weights, model.contribution(weights, IRIS.all)(), 150.0).ravel()

    point = stream(1).standard_normal(15)

    assert check_grad(lambda flat: model.loss(flat.reshape(shape), IRIS.all)(), gradient, point) < 1e-5


def test_the_weights_have_a_row_for_each_feature_and_one_for_the_bias():
    assert Softmax().initial(IRIS, stream(0)).shape == (5, 3)
    np.testing.assert_array_equal(IRIS.with_ones[:, -1], 1)


def test_the_accuracy_is_what_scikit_learn_says_of_the_same_weights():
    fitted = LogisticRegression().fit(IRIS.features, IRIS.targets)
    weights = np.vstack([fitted.coef_.T, fitted.intercept_])

    assert Softmax().accuracy(weights, IRIS.all) == pytest.approx(fitted.score(IRIS.features, IRIS.targets), abs=1e-12)
    few = Rows(IRIS, np.arange(50, 150))
    assert Softmax().accuracy(weights, few) == pytest.approx(fitted.score(few.features, few.targets), abs=1e-12)


def lloyd(points, centres):
    """One step in plain NumPy: the mean of the rows nearest to each centre; an empty cluster keeps its centre."""
    nearest = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    moved = centres.copy()
    for cluster in range(len(centres)):
        if (nearest == cluster).any():
            moved[cluster] = points[nearest == cluster].mean(axis=0)
    return moved


def test_a_step_is_lloyds_and_an_empty_cluster_keeps_its_centre():
    model = KMeans(clusters=3)
    centres = np.vstack([IRIS.features[:2], np.full(4, 1e6)])  # nobody is nearest to the third

    moved = model.update(centres, model.contribution(centres, IRIS.all)(), 150.0)

    np.testing.assert_array_equal(moved[2], centres[2])
    np.testing.assert_allclose(moved, lloyd(IRIS.features, centres), rtol=1e-12)
    assert np.array_equal(model.labels(centres, IRIS.all), np.array([0, 1])[
        ((IRIS.features[:, None] - centres[None, :2]) ** 2).sum(axis=2).argmin(axis=1)
    ])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_centres_that_a_liar_made_give_no_numbers_and_no_error(value):
    model = KMeans(clusters=3)
    centres = model.initial(IRIS, stream(0))
    centres[0, 0] = value

    assert np.isnan(model.loss(centres, IRIS.all)())
    assert np.isnan(model.contribution(centres, IRIS.all)()).all()


def test_initial_centres_are_distinct_rows():
    centres = KMeans(clusters=140).initial(IRIS, stream(3))
    rows = {row.tobytes() for row in IRIS.features}

    assert len(centres) == 140
    assert all(centre.tobytes() in rows for centre in centres)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KMeans(clusters=151), "clusters must be at most the 150 rows, got 151"),
        (Softmax(), r"softmax learns labels, got targets that are none \(regression\)"),
    ],
)
def test_data_that_a_model_cannot_learn_from_is_refused(model, message):
    data = arrays(IRIS.features, IRIS.targets.astype(float))
    with pytest.raises(ValueError, match=message):
        model.initial(data, stream(0))


def test_gradient_descent_goes_down_by_the_rate_and_the_share():
    optimiser, point = GradientDescent(learning_rate=0.5), np.array([1.0, 2.0])
    step = optimiser.step(point, np.array([4.0, -4.0]), optimiser.start(point), clock=3, share=0.25)

    moved, memory = step()

    assert moved.tolist() == [0.5, 2.5]
    assert memory.size == 0
    assert step.cost == Cost(flops=2 * 2, bytes=3 * 8 * 2)


def test_a_function_of_arrays_costs_what_is_said_or_what_is_estimated():
    a, b = np.ones((3, 4)), np.ones(4)

    assert call(np.dot, a, b)().tolist() == [4, 4, 4]
    assert call(np.dot, a, b).cost == Cost(flops=2 * 16, bytes=8 * 16)
    assert call(np.dot, a, b, flops=7, bytes=9).cost == Cost(flops=7, bytes=9)


@pytest.mark.parametrize("name", MODELS)
def test_what_a_contribution_costs_grows_with_its_rows(name):
    model, point = MODELS[name], drawn(MODELS[name])
    few, twice, thrice = (model.contribution(point, Rows(IRIS, np.arange(n))).cost for n in (40, 80, 120))

    assert 0 < few.flops < twice.flops
    assert twice.flops - few.flops == pytest.approx(thrice.flops - twice.flops)
    assert 0 < few.bytes < twice.bytes
