"""Gradients of rows, each clipped by itself, and their sum. float64, C-contiguous."""

from __future__ import annotations

import simcluster.kernels._clipping as _clipping
from simcluster.kernels import reference
from simcluster.kernels.call import Cost, kernel
from simcluster.kernels.reference import Floats, Integers


def _clipped_cost(features: Floats, slopes: Floats, bound: float, rows: Integers | None = None) -> Cost:
    d, (m, k) = features.shape[1], slopes.shape
    return Cost(m * (2 * d * k + 3 * d + 2 * k + 5), 8 * (m * (d + k) + d * k))


@kernel(cost=_clipped_cost, reference=reference.clipped_gradient_sum)
def clipped_gradient_sum(features: Floats, slopes: Floats, bound: float, rows: Integers | None = None) -> Floats:
    """Σ min(1, C/‖x sᵀ‖)·x sᵀ over the rows, in their order: (d, k), each row's part at most C = *bound* long.

    x sᵀ is the gradient of a row of a linear model with *features* x (n, d), where *slopes* s (m, k) are those of the
    row's loss in its scores; its norm is ‖x‖·‖s‖, so none is ever written down. *rows* (m,) picks rows of the features,
    repeats allowed; infinity clips nothing. NaN propagates, and so does a norm that is infinite, to NaN.

    Raises TypeError for another dtype; ValueError for shapes that disagree, a row out of range, a bound not above 0.
    Source: Abadi et al., Deep learning with differential privacy, CCS 2016, algorithm 1; the norm: Goodfellow,
    Efficient per-example gradient computations, 2015.
    """
    return _clipping.clipped_gradient_sum(features, slopes, bound, rows)  # type: ignore[no-any-return]
