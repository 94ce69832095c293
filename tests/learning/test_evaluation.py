"""Metrics of predictions that were gathered from shards are scikit-learn's of all predictions at once."""

import math

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from simcluster.engine import stream
from simcluster.learning import (
    Bundled,
    Dataset,
    KMeans,
    Predictions,
    Rows,
    Softmax,
    arrays,
    confusion,
    evaluation,
    held_out_rows,
    held_out_split,
    predictions,
    score,
)

DIGITS, IRIS, CANCER = (Bundled(name=name).load() for name in ("digits", "iris", "breast_cancer"))
VALUES = arrays(stream(1).standard_normal((60, 4)), stream(2).standard_normal(60))


class Line:
    """Least squares, as far as it predicts."""

    def predict(self, parameters, features):
        return features @ parameters


def learned(data, steps=60):
    model, weights = Softmax(), np.zeros((data.features.shape[1] + 1, data.classes))
    for _ in range(steps):
        total = model.contribution(weights, data.all)()
        weights = weights - 2.0 * model.gradient(weights, total, len(data))
    return weights


WEIGHTS = {id(data): learned(data) for data in (DIGITS, IRIS, CANCER)}


def parts(data, count, seed):
    """Contiguous parts of random sizes, some of them empty."""
    ends = np.sort(stream(seed).integers(0, len(data) + 1, count - 1))
    return [Rows(data, rows) for rows in np.split(np.arange(len(data)), ends)]


@pytest.mark.parametrize("data", [DIGITS, IRIS, CANCER], ids=["digits", "iris", "breast_cancer"])
@settings(max_examples=8)
@given(count=st.integers(1, 200), seed=st.integers(0, 99))
def test_metrics_of_labels_are_those_of_all_predictions_at_once(data, count, seed):
    weights = WEIGHTS[id(data)]
    found = evaluation(predictions(Softmax(), weights, parts(data, count, seed)))

    at_once, truth = Softmax().predict(weights, data.features), data.targets
    likely = Softmax().probabilities(weights, data.features)
    expected = {"accuracy": sk.accuracy_score(truth, at_once), "log_loss": sk.log_loss(truth, likely)}
    if data.classes == 2:
        expected["roc_auc"] = sk.roc_auc_score(truth, likely[:, 1])
    for average in ("macro", "weighted", "binary") if data.classes == 2 else ("macro", "weighted"):
        for name, metric in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
            expected[f"{name}_{average}"] = metric(truth, at_once, average=average, zero_division=0.0)
    assert {name: pytest.approx(value, rel=1e-12) for name, value in expected.items()} == found


def test_metrics_of_values_are_those_of_all_predictions_at_once():
    weights = np.array([1.0, 0.0, 2.0, -1.0])

    found = predictions(Line(), weights, parts(VALUES, 7, 0))

    at_once = VALUES.features @ weights
    assert evaluation(found) == {
        "rmse": pytest.approx(sk.root_mean_squared_error(VALUES.targets, at_once)),
        "r2": pytest.approx(sk.r2_score(VALUES.targets, at_once)),
    }
    assert score(found) == evaluation(found)["r2"]


def test_metrics_of_clusters_are_those_of_all_rows_at_once_and_no_accuracy_is_among_them():
    centres = KMeans(clusters=3).initial(IRIS, stream(0))

    found = predictions(KMeans(clusters=3), centres, parts(IRIS, 9, 1))

    labels = KMeans(clusters=3).labels(centres, IRIS.all)
    assert evaluation(found) == {
        "inertia": pytest.approx(150 * KMeans(clusters=3).loss(centres, IRIS.all)()),
        "silhouette": pytest.approx(sk.silhouette_score(IRIS.features, labels)),
    }
    assert score(found) == -evaluation(found)["inertia"]
    with pytest.raises(ValueError, match="a confusion matrix must be of labels, got clusters"):
        confusion(found)


def test_a_confusion_matrix_has_a_row_for_each_pair_of_classes():
    found = confusion(predictions(Softmax(), WEIGHTS[id(IRIS)], parts(IRIS, 4, 0)))

    at_once = Softmax().predict(WEIGHTS[id(IRIS)], IRIS.features)
    assert list(found.columns) == ["target", "predicted", "rows"]
    assert found["rows"].to_numpy().reshape(3, 3).tolist() == sk.confusion_matrix(IRIS.targets, at_once).tolist()


def test_f1_is_not_accuracy():
    data = arrays(np.zeros((100, 1)), np.repeat([0, 1], [95, 5]))

    found = evaluation(predictions(Softmax(), np.array([[0.0, 0.0], [1.0, 0.0]]), [data.all]))

    assert found["accuracy"] == 0.95
    assert found["f1_macro"] == pytest.approx(0.4872, abs=1e-4)
    assert (found["f1_binary"], found["precision_macro"]) == (0.0, 0.475)
    assert (found["recall_binary"], found["recall_weighted"]) == (0.0, 0.95)


@pytest.mark.filterwarnings("error")
def test_a_metric_that_is_not_defined_is_left_out_and_one_of_no_number_is_nan():
    ones = arrays(np.zeros((3, 1)), [1, 1, 1])
    assert "roc_auc" not in evaluation(predictions(Softmax(), np.zeros((2, 2)), [ones.all]))
    one = arrays([[1.0]], [2.0], labels=False)
    assert evaluation(predictions(Line(), np.ones(1), [one.all])) == {"rmse": 1.0}
    assert list(evaluation(predictions(KMeans(), np.zeros((1, 4)), [IRIS.all]))) == ["inertia"]
    each_its_own = Predictions("clusters", np.zeros(3), np.arange(3), None, np.arange(3.0)[:, np.newaxis])
    assert evaluation(each_its_own) == {}
    with np.errstate(all="ignore"):
        lost = predictions(Softmax(), np.array([[np.inf, 1.0], [0.0, 0.0]]), [arrays([[1.0]] * 2, [0, 1]).all])
        beyond = predictions(Line(), np.array([np.inf]), [arrays([[1.0]] * 2, [0.5, 1.5]).all])
    assert math.isnan(evaluation(lost)["log_loss"])
    assert math.isnan(evaluation(lost)["roc_auc"])
    assert all(map(math.isnan, evaluation(beyond).values()))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_of_two_have_a_score_for_it_and_rows_of_two_of_three_are_not_binary(label):
    data = arrays(np.zeros((3, 1)), [label] * 3)
    data = Dataset(data.features, data.targets, 2)

    found = predictions(Softmax(), np.array([[0.0, 0.0], [-label, label]]), [data.all])

    assert (evaluation(found)["accuracy"], evaluation(found)["f1_binary"]) == (1.0, label)
    assert confusion(found)["rows"].tolist() == ([3, 0, 0, 0] if label == 0 else [0, 0, 0, 3])
    likely = np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2]])
    few = Predictions("labels", np.array([0, 1]), np.array([0, 1]), likely, classes=3)
    assert {"f1_binary", "roc_auc"}.isdisjoint(evaluation(few))
    assert evaluation(few)["log_loss"] == pytest.approx(-np.log([0.8, 0.6]).mean())
    assert len(confusion(few)) == 9


def test_predictions_that_are_none_are_refused():
    class Wrong:
        def predict(self, parameters, features):
            return features

    with pytest.raises(ValueError, match=r"Wrong.predict must give a number for each of 150 rows, got float64 of"):
        predictions(Wrong(), np.zeros(1), [IRIS.all])
    with pytest.raises(ValueError, match="predictions must be of at least one row, got none"):
        predictions(Line(), np.zeros(4), [Rows(IRIS, np.arange(0))])


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_probabilities_add_up_and_the_greatest_is_what_is_predicted(scale):
    weights = scale * stream(0).standard_normal((65, 10))

    likely = Softmax().probabilities(weights, DIGITS.features)

    np.testing.assert_allclose(likely.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(likely.argmax(axis=1), Softmax().predict(weights, DIGITS.features))
    assert np.mean(Softmax().predict(weights, DIGITS.features) == DIGITS.targets) == pytest.approx(
        Softmax().accuracy(weights, DIGITS.all)
    )


@settings(max_examples=10)
@given(share=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_a_held_out_split_is_scikit_learn_s_with_each_class_alike(share, seed):
    learned_from, held = held_out_rows(DIGITS, share, seed)
    theirs = train_test_split(np.arange(1797), test_size=share, random_state=seed, stratify=DIGITS.targets)

    assert (learned_from.tolist(), held.tolist()) == (theirs[0].tolist(), theirs[1].tolist())
    assert len(held) == math.ceil(share * 1797)
    counts, whole = (np.bincount(DIGITS.targets[rows], minlength=10) for rows in (held, np.arange(1797)))
    assert np.all(np.abs(counts - whole * len(held) / 1797) <= 1)
    ordered, others = held_out_split(DIGITS, share, seed)
    np.testing.assert_array_equal(ordered.features, DIGITS.features[np.sort(learned_from)])
    np.testing.assert_array_equal(others.targets, DIGITS.targets[np.sort(held)])


def test_a_held_out_split_draws_by_the_generator_and_keeps_the_classes():
    first, again, other = (held_out_split(IRIS, 0.2, stream(seed))[1] for seed in (0, 0, 1))

    np.testing.assert_array_equal(first.features, again.features)
    assert not np.array_equal(first.features, other.features)
    assert (first.classes, len(first)) == (3, 30)
    assert held_out_split(VALUES, 0.5, stream(0))[0].classes is None
    for share in (0.001, 0.999):
        with pytest.raises(ValueError, match=f"held_out must leave rows of every class .*, got {share} of 150 rows"):
            held_out_rows(IRIS, share, stream(0))
    with pytest.raises(ValueError, match=r"held_out must leave rows of every class on both sides, got 0\.5 of 1 rows"):
        held_out_rows(arrays([[1.0]], [0.5]), 0.5, 0)
