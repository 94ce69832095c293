"""Boosted trees on histograms: scikit-learn's trees, the same for any split of the rows, of anything that is data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from simcluster.engine import stream
from simcluster.learning import Bundled, Dataset, GradientBoosting, Rows, arrays
from simcluster.learning.trees.binning import bin_edges, binned
from simcluster.learning.trees.boosting_objectives import BINARY, MULTINOMIAL, SQUARED_ERROR, probabilities
from simcluster.learning.trees.ensemble import COUNT, EDGE, FEATURE, VALUE

IRIS = Bundled(name="iris").load()


def fitted(model, data, shards=(None,)):
    """The parameters after all steps, of contributions of these rows each."""
    parameters = model.initial(data, stream(0))
    held = [Rows(data, shard) for shard in shards]
    for _ in range(model.steps):
        total = np.add.reduce([model.contribution(parameters, rows)() for rows in held])
        parameters = model.update(parameters, total, float(len(data)))
    return parameters


def trees(model, parameters):
    return model._ensemble(parameters).trees


def as_ours(nodes, model):
    """A tree of scikit-learn's as one of ours, its inner nodes' values left out."""
    tree = np.zeros((2 ** (model.depth + 1) - 1, 4))
    tree[:, FEATURE] = -1
    place = {0: 0}
    for index, node in enumerate(nodes):
        here = place[index]
        tree[here, COUNT] = node["count"]
        if node["is_leaf"]:
            tree[here, VALUE] = node["value"]
        else:
            tree[here, FEATURE], tree[here, EDGE] = node["feature_idx"], node["num_threshold"]
            place[node["left"]], place[node["right"]] = 2 * here + 1, 2 * here + 2
    return tree


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "theirs"),
    [(load_breast_cancer, HistGradientBoostingClassifier), (load_diabetes, HistGradientBoostingRegressor)],
)
@pytest.mark.parametrize("l2", [0.0, 2.5])
def test_trees_are_scikit_learns(load, theirs, l2):
    # Of three quarters of the rows, in which no two splits are so near to each other that 24 bits confuse them.
    features, held, targets, _ = train_test_split(*load(return_X_y=True), test_size=0.25, random_state=0)
    model = GradientBoosting(rounds=10, l2=l2)
    parameters = fitted(model, arrays(features, targets))
    settings = {"max_iter": 10, "max_depth": 3, "max_leaf_nodes": None, "early_stopping": False}
    with threadpool_limits(1):
        peer = theirs(l2_regularization=l2, **settings).fit(features, targets)

    for (ours,), (other,) in zip(trees(model, parameters), peer._predictors, strict=True):
        expected = as_ours(other.nodes, model)
        leaves = expected[:, FEATURE] < 0
        np.testing.assert_array_equal(ours[:, [FEATURE, EDGE, COUNT]], expected[:, [FEATURE, EDGE, COUNT]])
        np.testing.assert_allclose(ours[leaves, VALUE], expected[leaves, VALUE], rtol=1e-5, atol=1e-7)
    if model._ensemble(parameters).classes:
        np.testing.assert_allclose(model.probabilities(parameters, held), peer.predict_proba(held), atol=1e-6)
    np.testing.assert_allclose(model.predict(parameters, held), peer.predict(held), rtol=1e-6)


def test_three_classes_have_scikit_learns_probabilities():
    model = GradientBoosting(rounds=8)
    parameters = fitted(model, IRIS)
    peer = HistGradientBoostingClassifier(max_iter=8, max_depth=3, max_leaf_nodes=None, early_stopping=False)
    with threadpool_limits(1):
        peer.fit(IRIS.features, IRIS.targets)

    ours = model.probabilities(parameters, IRIS.features)
    np.testing.assert_allclose(ours, peer.predict_proba(IRIS.features), atol=1e-6)
    assert model.loss(parameters, IRIS.all)() == pytest.approx(log_loss(IRIS.targets, ours), rel=1e-9)


@pytest.mark.slow
def test_digits_of_a_held_out_quarter_are_told_apart_as_well_as_by_scikit_learn():
    features, targets = load_digits(return_X_y=True)
    learned, held, labels, wanted = train_test_split(features, targets, test_size=0.25, random_state=0)
    model = GradientBoosting(rounds=100, learning_rate=0.2)
    accuracy = np.mean(model.predict(fitted(model, arrays(learned, labels)), held) == wanted)
    peer = HistGradientBoostingClassifier(
        max_iter=100, max_depth=3, max_leaf_nodes=None, learning_rate=0.2, early_stopping=False
    )
    with threadpool_limits(1):
        peer.fit(learned, labels)

    assert accuracy >= 0.95
    assert accuracy >= peer.score(held, wanted) - 0.01


DATA = {
    "labels": IRIS,
    "two classes": arrays(*load_breast_cancer(return_X_y=True)),
    "values": arrays(*load_diabetes(return_X_y=True)),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("shards", [2, 7, 60])
def test_the_trees_are_the_same_bits_for_any_split(name, shards):
    data, model = DATA[name], GradientBoosting(rounds=3, max_bins=32)
    one = fitted(model, data)

    order = stream(shards).permutation(len(data))
    cuts = np.sort(stream(shards, "cuts").choice(np.arange(1, len(data)), shards - 1, replace=False))
    for each in (np.split(order, cuts), np.split(np.argsort(data.targets, kind="stable"), cuts)):
        assert fitted(model, data, each).tobytes() == one.tobytes()


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_siblings_that_are_subtracted_give_the_same_trees_in_half_the_numbers(name, depth):
    data, model = DATA[name], GradientBoosting(rounds=4, depth=depth, max_bins=32)
    other = model.replace(sibling_subtraction=False)
    ours, theirs = fitted(model, data), fitted(other, data)
    sizes = [each.contribution(each.initial(data, stream(0)), data.all)().shape for each in (model, other)]

    assert trees(model, ours).tobytes() == trees(other, theirs).tobytes()
    assert sizes[1][2] == 2 ** (depth - 1)
    assert sizes[0][2] == max(1, sizes[1][2] // 2)


@pytest.mark.parametrize("name", DATA)
def test_each_round_lowers_the_loss(name):
    data, model = DATA[name], GradientBoosting(rounds=6, max_bins=32)
    parameters, losses = model.initial(data, stream(0)), []
    for _ in range(model.steps):
        losses.append(model.loss(parameters, data.all)())
        parameters = model.update(parameters, model.contribution(parameters, data.all)(), float(len(data)))
    losses.append(model.loss(parameters, data.all)())

    assert all(after < before for before, after in zip(losses[::3], losses[3::3], strict=False))
    assert model.update(parameters, model.contribution(parameters, data.all)(), 1.0).tobytes() == parameters.tobytes()


def test_a_contribution_is_whole_numbers_that_add_up_and_changes_nothing():
    model = GradientBoosting(rounds=2)
    start = model.initial(IRIS, stream(0))
    second = model.update(start, model.contribution(start, IRIS.all)(), 150.0)
    before = second.copy()
    parts = [Rows(IRIS, rows) for rows in np.array_split(stream(1).permutation(150), 4)]

    for parameters in (second, start, second):  # what is remembered of rows is of these parameters
        whole = model.contribution(parameters, IRIS.all)
        np.testing.assert_array_equal(whole(), np.rint(whole()))
        np.testing.assert_array_equal(
            np.add.reduce([model.contribution(parameters, part)() for part in parts]), whole()
        )
    np.testing.assert_array_equal(second, before)


def test_what_is_remembered_of_rows_is_what_their_parameters_say():
    model, data = GradientBoosting(rounds=4), DATA["two classes"]
    other = fitted(model.replace(learning_rate=0.7), data)
    fresh = Dataset(data.features, data.targets, 2)
    along = model.initial(data, stream(0))
    for _ in range(model.steps):
        model.contribution(other, data.all)
        contribution = model.contribution(along, data.all)()
        np.testing.assert_array_equal(
            contribution, model.contribution(along, Dataset(data.features, data.targets, 2).all)()
        )
        along = model.update(along, contribution, float(len(data)))
    assert along.tobytes() == fitted(model, fresh).tobytes()


def test_rows_that_speak_of_other_nodes_make_the_loss_no_number():
    model = GradientBoosting(rounds=2)
    start = model.initial(IRIS, stream(0))
    second = model.update(start, model.contribution(start, IRIS.all)(), 150.0)
    few = model.contribution(second, Rows(IRIS, np.arange(10, 150)))()

    assert math.isnan(model.loss(model.update(second, few, 140.0), IRIS.all)())


LIES = st.sampled_from([-1.0, -10.0, 0.0, 0.5, 1e3, 1e300, math.nan, math.inf])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), LIES, st.booleans())
def test_no_parameters_and_no_sums_of_a_liar_stop_a_run(seed, factor, subtraction):
    model, draw = GradientBoosting(rounds=2, max_bins=8, sibling_subtraction=subtraction), stream(seed)
    parameters = model.initial(IRIS, stream(0))
    for _ in range(int(draw.integers(model.steps))):
        parameters = model.update(parameters, model.contribution(parameters, IRIS.all)(), 150.0)
    with np.errstate(all="ignore"):
        lies = [parameters * factor, np.where(draw.random(parameters.shape) < 0.1, factor, parameters)]
        for lie in (parameters, *lies):
            total = model.contribution(lie, IRIS.all)()
            for said in (total, total * factor, np.where(draw.random(total.shape) < 0.1, factor, total)):
                after = model.update(lie, said, 150.0)
                assert after.shape == parameters.shape
                model.loss(after, IRIS.all)()
                found, _ = model.condense(lie, said, 0, model._ensemble(lie).parents)
                model.conclude(lie, np.stack([found, found * factor]), 150.0)


@pytest.mark.parametrize("max_bins", [2, 16, 255])
def test_bins_are_scikit_learns(max_bins):
    for data in DATA.values():
        mapper = _BinMapper(n_bins=max_bins + 1).fit(data.features)
        edges = bin_edges(data.features, max_bins)

        for own, theirs in zip(edges, mapper.bin_thresholds_, strict=True):
            np.testing.assert_allclose(own[: len(theirs)], theirs, rtol=1e-14)
            assert np.isinf(own[len(theirs) :]).all()
        np.testing.assert_array_equal(binned(data.features, edges), mapper.transform(data.features).T)


@pytest.mark.parametrize("values", [[0.0, 5e-324], [1.0, np.nextafter(1.0, 2.0)], [-1.7e308, 1.7e308]])
def test_an_edge_tells_neighbouring_and_distant_values_apart(values):
    column = np.array(values)[:, np.newaxis]

    assert binned(column, bin_edges(column, 255)).tolist() == [[0, 1]]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-40, 40), min_size=3, max_size=3), st.integers(0, 2))
def test_derivatives_are_those_of_the_loss(raw, label):
    for objective, outputs in ((SQUARED_ERROR, 1), (BINARY, 1), (MULTINOMIAL, 3)):
        point, target = np.array(raw)[:outputs, np.newaxis], np.array([min(label, 1) if outputs == 1 else label])
        gradient, curvature = objective.derivatives(point, target)
        for output in range(outputs):
            step = np.zeros_like(point)
            step[output] = 1e-5
            up, down = objective.mean(point + step, target), objective.mean(point - step, target)
            assert gradient[output, 0] == pytest.approx((up - down) / 2e-5, abs=1e-4)
            slopes = [objective.derivatives(point + sign * step, target)[0][output, 0] for sign in (1, -1)]
            assert curvature[output, 0] == pytest.approx((slopes[0] - slopes[1]) / 2e-5, abs=1e-4)


def test_probabilities_are_finite_however_sure_the_trees_are():
    sure = np.array([[1e4, -1e4, 0.0]])

    np.testing.assert_array_equal(probabilities(sure).T, [[0, 1], [1, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(probabilities(np.vstack([sure, -sure])).T, [[1, 0], [0, 1], [0.5, 0.5]])


def nasty(name):
    few = stream(0).standard_normal((60, 3))
    labels = (few[:, 0] > 0).astype(np.int64)
    return {
        "constant features": Dataset(np.ones((60, 3)), labels, 2),
        "one constant feature": Dataset(np.column_stack([few, np.full(60, 7.0)]), labels, 2),
        "duplicates": Dataset(np.repeat(few[:3], 20, axis=0), np.repeat(labels[:3], 20), 2),
        "a class without rows": Dataset(few, labels, 4),
        "rows of one class": Dataset(few, np.zeros(60, dtype=np.int64), 2),
        "constant values": Dataset(few, np.full(60, 3.5)),
        "large values": Dataset(few * 1e300, few[:, 1] * 1e300),
        "small values": Dataset(few * 1e-300, few[:, 1] * 1e-300),
        "one row": Dataset(few[:1], labels[:1], 2),
        "fewer rows than a leaf has": Dataset(few[:10], labels[:10], 2),
    }[name]


NASTY = (
    "constant features", "one constant feature", "duplicates", "a class without rows", "rows of one class",
    "constant values", "large values", "small values", "one row", "fewer rows than a leaf has",
)  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("subtraction", [True, False])
def test_of_anything_that_is_data_something_finite_is_learned(name, subtraction):
    data, model = nasty(name), GradientBoosting(rounds=5, sibling_subtraction=subtraction)
    whole = fitted(model, data)
    shards = np.array_split(np.arange(len(data)), min(len(data), 60))

    assert np.isfinite(np.where(np.isinf(whole), 0.0, whole)).all()
    assert np.isfinite(model._ensemble(whole).trees).all()
    assert fitted(model, data, shards).tobytes() == whole.tobytes()
    predicted = model.predict(whole, data.features)
    if name in ("one constant feature", "duplicates", "a class without rows", "rows of one class", "one row"):
        assert np.mean(predicted == data.targets) == 1.0
    elif name == "constant values":
        np.testing.assert_array_equal(predicted, data.targets)
    elif name in ("constant features", "fewer rows than a leaf has"):
        share = np.mean(data.targets)
        np.testing.assert_allclose(model.probabilities(whole, data.features)[:, 1], share, rtol=1e-9)
    else:
        left = np.abs(predicted - data.targets).max()
        assert left < np.abs(data.targets - data.targets.mean()).max()


def test_labels_of_one_class_and_probabilities_of_values_are_refused():
    with pytest.raises(ValueError, match="gradient_boosting needs labels of at least 2 classes, got 1"):
        GradientBoosting().initial(Dataset(np.ones((3, 1)), np.zeros(3, dtype=np.int64), 1), stream(0))
    model, data = GradientBoosting(rounds=1), DATA["values"]
    with pytest.raises(ValueError, match="probabilities are those of classes, got a model of values"):
        model.probabilities(model.initial(data, stream(0)), data.features)
    with pytest.raises(ValueError, match="targets must span less than 1e307, got"):
        model.initial(Dataset(np.ones((2, 1)), np.array([-1e308, 1e308])), stream(0))
    with pytest.raises(ValueError, match=r"features must have a column, got \(3, 0\)"):
        model.initial(Dataset(np.ones((3, 0)), np.arange(3.0)), stream(0))


REFUSED = [("rounds", 0), ("depth", 0), ("depth", 13), ("max_bins", 257), ("l2", -1)]


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_what_no_tree_can_have_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field}: .*got {value}"):
        GradientBoosting(**{field: value})


def test_a_contribution_s_cost_counts_rows_and_not_time():
    model = GradientBoosting(rounds=1, sibling_subtraction=False)
    start = model.initial(IRIS, stream(0))
    bins = model._ensemble(start).histograms_shape[1]
    cost = model.contribution(start, IRIS.all).cost

    assert cost.flops == 3 * (3 * 4 * 150) + (3 + 10) * 3 * 150
    assert cost.bytes == 3 * (4 * 150 + 16 * 150 + 24 * 4 * bins) + 8 * (4 + 3) * 3 * 150
    assert math.isfinite(model.loss(start, IRIS.all).cost.flops)
