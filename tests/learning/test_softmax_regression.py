"""The parts of a training run by softmax regression, beside scikit-learn and a plain gradient."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from simcluster.learning import SoftmaxRegression
from simcluster.learning.data import load


def test_the_weights_have_a_row_for_each_feature_and_one_for_the_bias():
    iris = SoftmaxRegression(dataset="iris").prepare(3, 0)

    assert iris.initial().shape == (5, 3)
    assert iris.contribution_size == 15


def test_the_accuracy_is_what_scikit_learn_says_of_the_same_weights():
    iris = load("iris")
    fitted = LogisticRegression().fit(iris.features, iris.labels)
    weights = np.vstack([fitted.coef_.T, fitted.intercept_])

    training = SoftmaxRegression(dataset="iris").prepare(3, 0)

    assert training.accuracy(weights) == pytest.approx(fitted.score(iris.features, iris.labels), abs=1e-12)
    assert training.accuracy(weights) > 0.9


@pytest.mark.parametrize("size", [50, 51, 1000])
def test_a_batch_that_reaches_over_the_shard_is_the_whole_shard(size):
    parts = [SoftmaxRegression(dataset="iris", batch_size=size).prepare(3, 0) for size in (size, None)]
    batch, shard = [part.contribution(1, 4, part.initial())() for part in parts]

    np.testing.assert_array_equal(batch, shard)


def test_whole_shards_of_different_sizes_add_up_to_the_full_gradient():
    parts = SoftmaxRegression(dataset="iris", batch_size=None, l2=0.0).prepare(7, 0)  # 150 rows: 21 or 22 each
    weights = np.arange(15.0).reshape(5, 3) / 10
    iris = load("iris")
    rows = np.hstack([iris.features, np.ones((150, 1))])
    scores = np.exp(rows @ weights)
    wrong = scores / scores.sum(axis=1, keepdims=True) - np.eye(3)[iris.labels]

    mean = np.mean([parts.contribution(worker, 0, weights)() for worker in range(7)], axis=0)

    np.testing.assert_allclose(mean, rows.T @ wrong / 150, rtol=1e-10)
