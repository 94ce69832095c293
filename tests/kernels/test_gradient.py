"""Loss and gradient at the edges: large margins, NaN, labels out of range."""

import numpy as np
import pytest

from simcluster.kernels import least_squares, logistic, softmax


def test_softmax_gradient_equals_finite_differences():
    generator = np.random.default_rng(1)
    weights, features = generator.normal(size=(4, 3)), generator.normal(size=(30, 4))
    labels = generator.integers(0, 3, 30)
    _, gradient = softmax(weights, features, labels, 0.1)
    for index in np.ndindex(weights.shape):
        step = np.zeros_like(weights)
        step[index] = 1e-5
        above, below = (
            softmax(weights + step, features, labels, 0.1),
            softmax(weights - step, features, labels, 0.1),
        )
        assert gradient[index] == pytest.approx((above[0] - below[0]) / 2e-5, abs=1e-8)


@pytest.mark.parametrize("margin", [1e4, -1e4, 0.0])
@pytest.mark.parametrize("label", [0, 1])
def test_logistic_and_two_class_softmax_agree_at_any_margin(margin, label):
    labels = np.array([label])
    loss, gradient = logistic(np.array([margin]), np.ones((1, 1)), labels)
    both, pair = softmax(np.array([[0.0, margin]]), np.ones((1, 1)), labels)
    assert loss == pytest.approx(both, rel=1e-12)
    assert gradient[0] == pytest.approx(pair[0, 1], rel=1e-12)


@pytest.mark.parametrize("kernel", [least_squares, logistic])
def test_nan_features_propagate(kernel):
    labels = np.zeros(2, dtype=np.int64) if kernel is logistic else np.zeros(2)
    loss, gradient = kernel(np.ones(2), np.array([[1.0, np.nan], [1.0, 2.0]]), labels)
    assert np.isnan(loss)
    assert np.isnan(gradient).all()


@pytest.mark.parametrize("place", range(4))
def test_nan_anywhere_in_the_scores_propagates_through_softmax(place):
    weights = np.zeros((1, 4))
    weights[0, place] = np.nan
    loss, gradient = softmax(weights, np.ones((1, 1)), np.array([1]))
    assert np.isnan(loss)
    assert np.isnan(gradient).all()


def test_bad_values_are_refused_with_the_rule_and_the_value():
    features = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"labels must be within \[0, 1\], got 2 at index 1"):
        logistic(np.ones(3), features, np.array([0, 2]))
    with pytest.raises(ValueError, match=r"labels must be within \[0, 4\], got -1 at index 0"):
        softmax(np.ones((3, 5)), features, np.array([-1, 2]))
    with pytest.raises(ValueError, match=r"weights must have 3 elements, as columns of .*, got 4"):
        least_squares(np.ones(4), features, np.ones(2))
    with pytest.raises(ValueError, match=r"l2 must be finite and at least 0, got -1.0"):
        least_squares(np.ones(3), features, np.ones(2), -1.0)
    with pytest.raises(ValueError, match=r"features must have at least one of its rows, got 0"):
        least_squares(np.ones(3), np.ones((0, 3)), np.ones(0))
