"""Cross-validation: every row validates once, nothing leaks from validation into training, costs are counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from simcluster.engine import stream
from simcluster.kernels import softmax
from simcluster.learning import Bundled, Cost
from simcluster.learning.cross_validation import Examples, accuracy, split, stratified_folds, train


@given(st.integers(2, 9), st.lists(st.integers(0, 3), min_size=9, max_size=40), st.integers(0, 9))
def test_every_row_is_held_back_once_and_every_class_is_shared_out(folds, labels, seed):
    labels = np.array(labels, dtype=np.int64)
    parts = stratified_folds(labels, folds, stream(seed))

    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    for label in range(4):
        counts = [np.sum(labels[part] == label) for part in parts]
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("folds", [1, 4])
def test_more_folds_than_rows_or_fewer_than_two_are_refused(folds):
    with pytest.raises(ValueError, match=rf"folds must be within \[2, 3\] for 3 rows, got {folds}"):
        stratified_folds(np.zeros(3, dtype=np.int64), folds, stream(0))


def test_features_are_standardised_by_the_training_rows_alone():
    dataset = Bundled(name="wine").load()
    held_back = np.arange(0, 178, 5)
    training, validation = split(dataset, held_back)()

    scaler = StandardScaler().fit(np.delete(dataset.features, held_back, axis=0))
    np.testing.assert_allclose(validation.features[:, :-1], scaler.transform(dataset.features[held_back]), atol=1e-12)
    np.testing.assert_allclose(training.features[:, :-1].std(axis=0), 1)
    assert np.array_equal(validation.labels, dataset.targets[held_back])
    assert np.all(training.features[:, -1] == 1)


def test_long_training_reaches_scikit_learn_s_optimum():
    training, validation = split(Bundled(name="iris").load(), np.arange(0, 150, 5))()
    weights = train(training, 3, learning_rate=0.5, l2=0.1, steps=3000)()

    # Its penalty is |W|²/2C over the sum of the losses, ours l2/2 |W|² over their mean, intercept included.
    theirs = LogisticRegression(C=1 / (0.1 * len(training.labels)), fit_intercept=False, tol=1e-10).fit(*training)
    np.testing.assert_allclose(weights.T, theirs.coef_, atol=1e-6)
    assert accuracy(weights, validation)() == theirs.score(*validation)


def test_twice_the_steps_cost_twice_as_much():
    training, _ = split(Bundled(name="iris").load(), np.arange(30))()
    once, twice = (train(training, 3, 0.1, 0.0, steps).cost for steps in (10, 20))

    assert twice == 2 * once
    assert once.flops > 10 * 4 * training.features.size * 3
    assert isinstance(once, Cost)


SIZES = st.integers(1, 40)


@given(SIZES, SIZES, SIZES, SIZES)
def test_costs_count_every_operation_and_every_array_read_or_written_once(rows, columns, classes, steps):
    examples = Examples(np.zeros((rows, columns)), np.zeros(rows, np.int64))
    weights, products = np.zeros((columns, classes)), np.zeros((rows, classes))
    kernel = softmax.cost(weights, *examples)

    assert accuracy(weights, examples).cost == Cost(
        flops=sum(2 * columns + 1 for _ in products.flat),  # a product and a sum for each column, one comparison
        bytes=examples.features.nbytes + weights.nbytes + products.nbytes,
    )
    # The update takes from the weights a rate times the gradient, and writes what comes of it.
    assert train(examples, classes, 0.1, 0.0, steps).cost == Cost(
        flops=steps * (kernel.flops + 2 * weights.size), bytes=steps * (kernel.bytes + 3 * weights.nbytes)
    )


def test_the_cost_of_a_split_is_that_of_standardising_every_feature():
    dataset = Bundled(name="iris").load()
    assert split(dataset, np.arange(50)).cost == Cost(6 * dataset.features.size, 4 * dataset.features.nbytes)
