"""Declared flops agree with a count of what the NumPy reference adds, multiplies and compares."""

from types import SimpleNamespace

import numpy as np
import pytest

from simcluster.cluster import NodeSpec
from simcluster.kernels import KERNELS, Cost


class Counted(np.ndarray):
    """An array that counts the operations of the functions that are applied to it."""

    flops = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **keywords):
        plain = [np.asarray(part) for part in inputs]
        if "out" in keywords:
            keywords["out"] = tuple(np.asarray(part) for part in keywords["out"])
        result = getattr(ufunc, method)(*plain, **keywords)
        if method == "reduce":
            Counted.flops += plain[0].size
        elif ufunc is np.matmul:
            Counted.flops += 2 * plain[0].size * (plain[1].shape[-1] if plain[1].ndim > 1 else 1)
        elif method == "__call__":
            Counted.flops += np.size(result)
        return np.asarray(result).view(Counted) if np.ndim(result) else result


N, D, K = 200, 50, 20
RANDOM = np.random.default_rng(0)
X, V, W, L = RANDOM.normal(size=(N, D)), RANDOM.normal(size=D), RANDOM.normal(size=(D, K)), RANDOM.integers(0, 2, N)
CENTRES = RANDOM.normal(size=(K, D))
LEADING = {
    "least_squares": (V, X, RANDOM.normal(size=N)),
    "huber": (V, X, RANDOM.normal(size=N)),
    "logistic": (V, X, L),
    "hinge": (V, X, L),
    "squared_hinge": (V, X, L),
    "softmax": (W, X, L),
    "dense_forward": (X, W, RANDOM.normal(size=K), "relu"),
    "dense_backward": (X, W, RANDOM.normal(size=(N, K)), RANDOM.normal(size=(N, K)), "tanh"),
    "squared_distances": (X, CENTRES),
    "manhattan_distances": (X, CENTRES),
    "cosine_distances": (X, CENTRES),
    "rbf_kernel": (X, CENTRES, 0.5),
    "subtract_histograms": (RANDOM.random((9, 9, 3)), RANDOM.random((9, 9, 3))),
    "weighted_sum": (X, RANDOM.normal(size=N)),
    "clipped_gradient_sum": (X, RANDOM.normal(size=(N, K)), 1.0),
    "axpy": (2.0, V, V.copy()),
    "momentum_step": (V.copy(), V.copy(), V, 0.1, 0.9),
    "adam_step": (V.copy(), V.copy(), np.abs(V), V, 3),
}


@pytest.mark.parametrize("name", LEADING)
def test_declared_flops_agree_with_a_count(name):
    kernel = KERNELS[name]
    arguments = [part.view(Counted) if isinstance(part, np.ndarray) else part for part in LEADING[name]]
    Counted.flops = 0
    kernel.reference(*arguments)
    declared = kernel.cost(*LEADING[name]).flops
    assert declared == pytest.approx(Counted.flops, rel=0.1)


@pytest.mark.parametrize("name", LEADING)
def test_bytes_are_at_least_those_of_the_arguments(name):
    cost = KERNELS[name].cost(*LEADING[name])
    assert cost.bytes >= sum(part.nbytes for part in LEADING[name] if isinstance(part, np.ndarray))


def test_a_mini_batch_costs_its_rows():
    whole, half = (KERNELS["logistic"].cost(V, X, L, 0.0, rows) for rows in (None, np.arange(N // 2)))
    assert 0.49 < half.flops / whole.flops < 0.52


@pytest.mark.parametrize("made", [Cost, lambda flops, bytes: SimpleNamespace(flops=flops, bytes=bytes)])
def test_a_cost_takes_as_long_as_the_slower_of_operations_and_bytes(made):
    assert [Cost.seconds_of(made(*counts), 2.0, 10.0) for counts in ((6, 29), (6, 40), (0, 0))] == [3.0, 4.0, 0.0]
    assert NodeSpec(name="n", flops_per_s=2.0, memory_bytes_per_s=10.0).seconds(made(6, 40)) == 4.0
    with pytest.raises(AttributeError, match="flops"):
        Cost.seconds_of(3.0, 2.0, 10.0)
