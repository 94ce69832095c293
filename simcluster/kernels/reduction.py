"""What a server does with the vectors of its workers: sums, robust means, compression, updates in place.

Arrays are float64 (indices and codes int64) and C-contiguous. TypeError for another dtype; ValueError for
shapes that disagree, a read-only array that is to be updated, and for what a kernel refuses.
"""

from __future__ import annotations

from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Floats, Integers

_reduction = compiled("_reduction")


def comparators(m: int) -> int:
    """Return how many pairs Batcher's merge exchange compares to sort *m*."""
    count, top = 0, 1
    while top < m:
        top *= 2
    p = top // 2
    while p > 0:
        q, r, gap = top // 2, 0, p
        while gap > 0:
            count += sum((i & p) == r for i in range(m - gap))
            gap, q, r = q - p, q // 2, p
        p //= 2
    return count


def _weighted_sum_cost(vectors: Floats, weights: Floats) -> Cost:
    m, d = vectors.shape
    return Cost(2 * m * d, 8 * (m * d + m + d))


def _mean_cost(vectors: Floats) -> Cost:
    m, d = vectors.shape
    return Cost(m * d + d, 8 * (m * d + d))


def _median_cost(vectors: Floats) -> Cost:
    m, d = vectors.shape
    return Cost((2 * comparators(m) + 2) * d, 8 * (m * d + d))


def _trimmed_mean_cost(vectors: Floats, trim: int) -> Cost:
    m, d = vectors.shape
    return Cost((2 * comparators(m) + m - 2 * trim) * d, 8 * (m * d + d))


def _top_k_cost(vector: Floats, k: int) -> Cost:
    return Cost(2 * len(vector) + 4 * k, 8 * len(vector) + 16 * k)


def _quantise_cost(vector: Floats, noise: Floats, levels: int) -> Cost:
    return Cost(6 * len(vector), 24 * len(vector))


def _dequantise_cost(norm: float, codes: Integers, levels: int) -> Cost:
    return Cost(2 * len(codes), 16 * len(codes))


def _axpy_cost(a: float, x: Floats, y: Floats) -> Cost:
    return Cost(2 * len(x), 24 * len(x))


def _momentum_cost(parameters: Floats, velocity: Floats, gradient: Floats, rate: float, momentum: float) -> Cost:
    return Cost(4 * len(gradient), 40 * len(gradient))


def _adam_cost(
    parameters: Floats,
    first: Floats,
    second: Floats,
    gradient: Floats,
    step: int,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Cost:
    return Cost(13 * len(gradient), 56 * len(gradient))


@kernel(cost=_weighted_sum_cost, reference=reference.weighted_sum)
def weighted_sum(vectors: Floats, weights: Floats) -> Floats:
    """The weighted sum Σ w_i v_i of *vectors* (m, d), *weights* (m,), added in the order of the rows: (d,).

    NaN and infinity propagate.
    """
    return _reduction.weighted_sum(vectors, weights)  # type: ignore[no-any-return]


@kernel(cost=_mean_cost, reference=reference.mean_vector)
def mean_vector(vectors: Floats) -> Floats:
    """The mean of *vectors* (m, d) with m >= 1, added in the order of the rows: (d,). NaN propagates."""
    return _reduction.mean_vector(vectors)  # type: ignore[no-any-return]


@kernel(cost=_median_cost, reference=reference.coordinate_median)
def coordinate_median(vectors: Floats) -> Floats:
    """The median of each column of *vectors* (m, d) with m >= 1: (d,). A column with a NaN gives NaN.

    Source: Yin et al., Byzantine-robust distributed learning, 2018.
    """
    return _reduction.coordinate_median(vectors)  # type: ignore[no-any-return]


@kernel(cost=_trimmed_mean_cost, reference=reference.trimmed_mean)
def trimmed_mean(vectors: Floats, trim: int) -> Floats:
    """The mean of each column of *vectors* (m, d) without its *trim* least and greatest: (d,).

    2 trim below m. A column with a NaN gives NaN. Source: Yin et al., Byzantine-robust distributed
    learning, 2018.
    """
    return _reduction.trimmed_mean(vectors, trim)  # type: ignore[no-any-return]


@kernel(cost=_top_k_cost, reference=reference.top_k_sparse)
def top_k_sparse(vector: Floats, k: int) -> tuple[Integers, Floats]:
    """The k elements of *vector* (n,) of greatest |v|: indices (k,) int64, ascending, and values (k,).

    Of equals the lowest index. k within [0, n]. Infinity is the greatest; NaN is refused. Source: Aji &
    Heafield, Sparse communication for distributed gradient descent, 2017.
    """
    return _reduction.top_k_sparse(vector, k)  # type: ignore[no-any-return]


@kernel(cost=_quantise_cost, reference=reference.quantise)
def quantise(vector: Floats, noise: Floats, levels: int) -> tuple[float, Integers]:
    """Stochastic quantisation: the norm |v| and codes sign(v_i) ⌊levels |v_i| / |v| + u_i⌋, (d,) int64.

    *noise* u (d,) uniform in [0, 1) makes |v| q / levels an unbiased estimate of *vector* v (d,). A norm
    that is not finite and noise outside [0, 1) are refused. Source: Alistarh et al., QSGD, 2017.
    """
    return _reduction.quantise(vector, noise, levels)  # type: ignore[no-any-return]


@kernel(cost=_dequantise_cost, reference=reference.dequantise)
def dequantise(norm: float, codes: Integers, levels: int) -> Floats:
    """The vector |v| q / levels that quantise encoded: *codes* q (d,) int64, result (d,)."""
    return _reduction.dequantise(norm, codes, levels)  # type: ignore[no-any-return]


@kernel(cost=_axpy_cost, reference=reference.axpy)
def axpy(a: float, x: Floats, y: Floats) -> None:
    """Update *y* (d,) in place: y += a x, with *x* (d,). NaN propagates."""
    _reduction.axpy(a, x, y)


@kernel(cost=_momentum_cost, reference=reference.momentum_step)
def momentum_step(parameters: Floats, velocity: Floats, gradient: Floats, rate: float, momentum: float) -> None:
    """Heavy-ball step in place: velocity = momentum velocity + gradient; parameters -= rate velocity.

    All (d,). NaN propagates. Source: Polyak, Some methods of speeding up the convergence, 1964.
    """
    _reduction.momentum_step(parameters, velocity, gradient, rate, momentum)


@kernel(cost=_adam_cost, reference=reference.adam_step)
def adam_step(
    parameters: Floats,
    first: Floats,
    second: Floats,
    gradient: Floats,
    step: int,
    rate: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """Adam's step in place, on *parameters*, *first* and *second* moment, all (d,); *step* counts from 1.

    NaN propagates. Source: Kingma & Ba, Adam: a method for stochastic optimization, 2015, algorithm 1.
    """
    _reduction.adam_step(parameters, first, second, gradient, step, rate, beta1, beta2, epsilon)
