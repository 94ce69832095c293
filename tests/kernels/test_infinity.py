"""Where a limit is finite, infinity that goes into a kernel gives it, as docs/kernels.md says."""

import numpy as np
import pytest

from simcluster.kernels import (
    dense_backward,
    dense_forward,
    hinge,
    huber,
    rbf_kernel,
    softmax_cross_entropy,
    squared_hinge,
)

INF = np.inf
ONE = np.ones((1, 1))


@pytest.mark.parametrize("kernel", [hinge, squared_hinge])
@pytest.mark.parametrize(("margin", "loss"), [(INF, 0.0), (-INF, INF)])
def test_an_infinite_margin_costs_nothing_on_the_right_side_only(kernel, margin, loss):
    assert kernel(np.ones(1), np.array([[margin]]), np.array([1]))[0] == loss


def test_an_infinite_target_pulls_with_the_greatest_slope_of_huber():
    loss, gradient = huber(np.ones(1), ONE, np.array([INF]))

    assert loss == INF
    assert gradient == -1.0


@pytest.mark.parametrize(
    ("activation", "limits", "slopes"), [("relu", [0.0, INF], [0.0, 1.0]), ("tanh", [-1.0, 1.0], [0.0, 0.0])]
)
def test_an_activation_of_infinity_is_its_limit(activation, limits, slopes):
    inputs = np.array([[-INF], [INF]])
    outputs = dense_forward(inputs, ONE, np.zeros(1), activation)

    assert outputs.ravel().tolist() == limits
    assert dense_backward(inputs, ONE, outputs, np.ones((2, 1)), activation)[0].ravel().tolist() == slopes


def test_a_score_of_minus_infinity_is_a_class_of_probability_0():
    loss, gradient = softmax_cross_entropy(np.array([[1.0, 1.0, -INF]]), np.array([0]))

    assert loss == pytest.approx(np.log(2.0))
    assert gradient.ravel().tolist() == [-0.5, 0.5, 0.0]


def test_what_is_infinitely_far_has_the_rbf_0():
    assert rbf_kernel(np.array([[INF]]), ONE, 1.0).tolist() == [[0.0]]
