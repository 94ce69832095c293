"""How a server makes one vector of its workers': sums, means and robust means.

Arrays are float64 and C-contiguous. TypeError for another dtype; ValueError for
shapes that disagree, and for what a kernel refuses.
"""

from __future__ import annotations

from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Floats

_aggregation = compiled("_aggregation")


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


@kernel(cost=_weighted_sum_cost, reference=reference.weighted_sum)
def weighted_sum(vectors: Floats, weights: Floats) -> Floats:
    """The weighted sum Σ w_i v_i of *vectors* (m, d), *weights* (m,), added in the order of the rows: (d,).

    NaN and infinity propagate.
    """
    return _aggregation.weighted_sum(vectors, weights)  # type: ignore[no-any-return]


@kernel(cost=_mean_cost, reference=reference.mean_vector)
def mean_vector(vectors: Floats) -> Floats:
    """The mean of *vectors* (m, d) with m >= 1, added in the order of the rows: (d,). NaN propagates."""
    return _aggregation.mean_vector(vectors)  # type: ignore[no-any-return]


@kernel(cost=_median_cost, reference=reference.coordinate_median)
def coordinate_median(vectors: Floats) -> Floats:
    """The median of each column of *vectors* (m, d) with m >= 1: (d,). A column with a NaN gives NaN.

    Source: Yin et al., Byzantine-robust distributed learning, 2018.
    """
    return _aggregation.coordinate_median(vectors)  # type: ignore[no-any-return]


@kernel(cost=_trimmed_mean_cost, reference=reference.trimmed_mean)
def trimmed_mean(vectors: Floats, trim: int) -> Floats:
    """The mean of each column of *vectors* (m, d) without its *trim* least and greatest: (d,).

    2 trim below m. A column with a NaN gives NaN. Source: Yin et al., Byzantine-robust distributed
    learning, 2018.
    """
    return _aggregation.trimmed_mean(vectors, trim)  # type: ignore[no-any-return]
