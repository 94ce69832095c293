"""The dense layer: gradients against finite differences, NaN, and one thread whatever BLAS is set to."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from simcluster.kernels import dense_backward, dense_forward, softmax_cross_entropy


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh"])
def test_backward_equals_finite_differences_of_forward(activation):
    generator = np.random.default_rng(0)
    inputs, weights, bias = generator.normal(size=(9, 5)), generator.normal(size=(5, 11)), generator.normal(size=11)
    labels = generator.integers(0, 11, 9)

    def loss(inputs, weights, bias):
        return softmax_cross_entropy(dense_forward(inputs, weights, bias, activation), labels)[0]

    outputs = dense_forward(inputs, weights, bias, activation)
    _, slope = softmax_cross_entropy(outputs, labels)
    gradients = dense_backward(inputs, weights, outputs, slope, activation)
    for place, gradient in enumerate(gradients):
        for index in list(np.ndindex(gradient.shape))[::3]:
            ends = []
            for step in (1e-6, -1e-6):
                moved = [inputs.copy(), weights.copy(), bias.copy()]
                moved[place][index] += step
                ends.append(loss(*moved))
            assert gradient[index] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7)


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh"])
@pytest.mark.parametrize("shape", [(64, 16, 16), (65, 37, 19), (130, 24, 33), (200, 1, 40), (71, 601, 301)])
def test_tiles_that_are_not_full_and_several_blocks_of_rows_agree_with_the_reference(shape, activation):
    n, d, k = shape
    generator = np.random.default_rng(0)
    inputs, weights, bias = generator.normal(size=(n, d)), generator.normal(size=(d, k)), generator.normal(size=k)
    outputs = dense_forward(inputs, weights, bias, activation)
    np.testing.assert_allclose(outputs, dense_forward.reference(inputs, weights, bias, activation), atol=1e-12)
    arguments = inputs, weights, outputs, generator.normal(size=(n, k)), activation
    for ours, theirs in zip(dense_backward(*arguments), dense_backward.reference(*arguments), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("shape", [(300, 64, 32), (70, 600, 300)])
def test_the_bits_do_not_depend_on_the_threads_of_blas(shape):
    n, d, k = shape
    generator = np.random.default_rng(0)
    inputs, weights, bias = generator.normal(size=(n, d)), generator.normal(size=(d, k)), generator.normal(size=k)
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            before = threadpool_info()
            outputs = dense_forward(inputs, weights, bias, "tanh")
            gradients = dense_backward(inputs, weights, outputs, outputs, "tanh")
            assert threadpool_info() == before
            results.append([part.tobytes() for part in (outputs, *gradients)])
    assert results[0] == results[1]


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh"])
@pytest.mark.parametrize("k", [1, 8, 300])
def test_nan_propagates(activation, k):
    inputs = np.ones((9, 500))
    inputs[3, 2] = np.nan
    outputs = dense_forward(inputs, np.ones((500, k)), np.zeros(k), activation)
    assert np.isnan(outputs[3]).all()
    assert np.isfinite(np.delete(outputs, 3, axis=0)).all()
    gradient = dense_backward(inputs, np.ones((500, k)), outputs, np.ones_like(outputs), activation)[2]
    assert activation == "identity" or np.isnan(gradient).all()


def test_tanh_is_good_to_three_ulp_and_saturates():
    values = np.concatenate([np.linspace(-20, 20, 4001), [1e-300, -1e-9, 1e4, -1e4, 0.0]])
    ours = dense_forward(values[:, None].copy(), np.ones((1, 1)), np.zeros(1), "tanh")[:, 0]
    np.testing.assert_array_max_ulp(ours, np.tanh(values), 4)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match=r"activation must be 'identity', 'relu' or 'tanh', got 'gelu'"):
        dense_forward(np.ones((1, 1)), np.ones((1, 1)), np.ones(1), "gelu")
