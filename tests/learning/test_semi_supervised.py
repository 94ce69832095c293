"""Label spreading ends at its closed form, self-training where scikit-learn's does, both in whatever parts."""

import numpy as np
import pytest
import sklearn.semi_supervised
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from simcluster.engine import stream
from simcluster.learning import Bundled, LabelSpreading, Rows, SelfTraining, arrays

IRIS = Bundled(name="iris").load()


def learned(model, data, steps, parts=None, seed=0):
    parts = [data.all] if parts is None else [Rows(data, part) for part in parts]
    point = model.initial(data, stream(seed))
    for _ in range(steps):
        point = model.update(point, np.sum([model.contribution(point, part)() for part in parts], axis=0), len(data))
    return point


def closed_form(data, known, alpha, gamma):
    """(1 − α)(I − αS)⁻¹Y by dense algebra."""
    nearness = np.exp(-gamma * ((data.features[:, None] - data.features[None]) ** 2).sum(axis=2))
    np.fill_diagonal(nearness, 0)
    degrees = nearness.sum(axis=1)
    degrees[degrees == 0] = 1
    spread = nearness / np.sqrt(np.outer(degrees, degrees))
    labels = np.eye(data.classes)[data.targets] * known[:, np.newaxis]
    return (1 - alpha) * np.linalg.solve(np.eye(len(data)) - alpha * spread, labels)


@settings(max_examples=8)
@given(
    seed=st.integers(0, 99), cuts=st.lists(st.integers(1, 149), max_size=6, unique=True),
    alpha=st.floats(0.01, 0.7), gamma=st.floats(0.5, 50),
)  # fmt: skip
def test_label_spreading_in_parts_ends_at_the_closed_form(seed, cuts, alpha, gamma):
    model = LabelSpreading(alpha=alpha, gamma=gamma, labelled=3)
    parts = np.split(stream(seed).permutation(150), sorted(cuts))
    steps = int(np.ceil(np.log(1e-12) / np.log(alpha))) + 1
    point = learned(model, IRIS, steps, parts, seed)

    np.testing.assert_allclose(model.scores(point), closed_form(IRIS, point[:, -1], alpha, gamma), atol=1e-10, rtol=0)
    assert model.loss(point, IRIS.all)() < 1e-20


def test_label_spreading_labels_as_scikit_learn_does():
    model = LabelSpreading(alpha=0.9)
    point = learned(model, IRIS, 400)
    known = np.where(point[:, -1] > 0, IRIS.targets, -1)
    theirs = sklearn.semi_supervised.LabelSpreading(alpha=0.9, gamma=20, max_iter=3000, tol=1e-13).fit(
        IRIS.features, known
    )

    assert np.array_equal(model.labels(point), theirs.transduction_)
    scores = model.scores(point)
    np.testing.assert_allclose(scores / scores.sum(axis=1, keepdims=True), theirs.label_distributions_, atol=1e-9)
    asked = known < 0
    assert model.accuracy(point, IRIS.all) == np.mean(theirs.transduction_[asked] == IRIS.targets[asked])


def test_a_row_far_from_all_others_has_its_own_label_or_none_and_nothing_is_nan():
    data = arrays([[0.0], [0.1], [5.0], [5.1], [1e6], [2e6]], [0, 0, 1, 1, 0, 1])
    model = LabelSpreading(labelled=1)
    point = model.initial(data, stream(0))
    point[:, -1] = [1, 0, 1, 0, 1, 0]
    for _ in range(30):
        point = model.update(point, model.contribution(point, data.all)(), 6.0)

    assert np.isfinite(point).all()
    assert model.labels(point).tolist() == [0, 0, 1, 1, 0, -1]
    np.testing.assert_allclose(model.scores(point), closed_form(data, point[:, -1], 0.2, 20.0), atol=1e-12)
    assert model.accuracy(point, data.all) == pytest.approx(2 / 3)
    assert model.accuracy(point, Rows(data, np.array([0, 2]))) == 1.0


def test_rows_that_are_alike_share_their_labels():
    data = arrays(np.ones((6, 2)), [0, 0, 0, 1, 1, 1])
    model = LabelSpreading(labelled=1)
    point = learned(model, data, 40)

    np.testing.assert_allclose(model.scores(point), closed_form(data, point[:, -1], 0.2, 20.0), atol=1e-12)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("seed", range(3))
def test_self_training_in_parts_is_scikit_learn_s(name, seed):
    data, model, iterations = Bundled(name=name).load(), SelfTraining(threshold=0.9), 6
    parts = np.split(stream(seed).permutation(len(data)), [1, 2, len(data) // 2])
    given = model.labels(model.initial(data, stream(seed)), data)
    theirs = sklearn.semi_supervised.SelfTrainingClassifier(GaussianNB(), threshold=0.9, max_iter=iterations).fit(
        data.features, given
    )
    point = learned(model, data, iterations + 1, parts, seed)

    assert np.array_equal(model.labels(point, data), theirs.transduction_)
    assert np.array_equal(model.predict(point, data.features), theirs.predict(data.features))
    np.testing.assert_allclose(
        model.probabilities(point, data.features), theirs.predict_proba(data.features), atol=1e-9
    )
    assert model.loss(point, data.all)() == np.mean(theirs.transduction_ < 0)


def test_self_training_of_rows_that_are_alike_is_sure_of_nothing():
    data = arrays(np.ones((8, 2)), [0, 0, 0, 0, 2, 2, 2, 2])  # and of class 1 there are none
    model = SelfTraining(labelled=2)
    point = learned(model, data, 3)

    np.testing.assert_allclose(model.probabilities(point, data.features), [[0.5, 0, 0.5]] * 8)
    assert (model.labels(point, data) >= 0).sum() == 4
    assert model.loss(point, data.all)() == 0.5
    before = model.initial(data, stream(0))
    np.testing.assert_allclose(model.probabilities(before, data.features), 1 / 3)


@pytest.mark.parametrize("kind", [LabelSpreading, SelfTraining])
def test_data_without_labels_or_with_too_few_of_a_class_is_refused(kind):
    with pytest.raises(ValueError, match=r"learns labels, got targets that are none \(regression\)"):
        kind().initial(arrays(IRIS.features, IRIS.features[:, 0]), stream(0))
    with pytest.raises(ValueError, match="labelled must be at most the 50 rows of class 0, got 51"):
        kind(labelled=51).initial(IRIS, stream(0))


@pytest.mark.parametrize("kind", [LabelSpreading, SelfTraining])
def test_of_each_class_so_many_rows_are_labelled(kind):
    model = kind(labelled=7)
    point = model.initial(IRIS, stream(3))
    known = point[:, -1] > 0 if kind is LabelSpreading else model.labels(point, IRIS) >= 0

    assert np.bincount(IRIS.targets[known]).tolist() == [7, 7, 7]


@pytest.mark.parametrize("model", [LabelSpreading(), SelfTraining()])
def test_what_it_costs_grows_with_the_rows(model):
    point = learned(model, IRIS, 1)
    few, twice, thrice = (model.contribution(point, Rows(IRIS, np.arange(n))).cost for n in (40, 80, 120))

    assert 0 < few.flops < twice.flops
    assert twice.flops - few.flops == pytest.approx(thrice.flops - twice.flops)
    assert model.loss(point, IRIS.all).cost.flops > 0
