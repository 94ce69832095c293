"""What a linear model's rows say, each clipped by itself: no row says more than a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.kernels import Call, Cost, clipped_gradient_sum
from simcluster.kernels.blas import one_thread
from simcluster.learning.dataset import Rows
from simcluster.learning.models.linear import nothing

if TYPE_CHECKING:
    from simcluster.learning.protocols import Array, Linear


def clipped_contribution(model: Linear, parameters: Array, rows: Rows, bound: float) -> Call[Array]:
    """Σ over the rows of the gradient of the row's loss, each of which is at most ``bound`` long, as of parameters.

    With a bound of infinity it is the model's contribution, up to how sums are rounded.
    """
    if not (count := len(rows)):
        return nothing(parameters.shape)
    data = rows.data
    outputs = parameters.size // len(parameters)
    flops = 2.0 * count * parameters.size

    def scores() -> Array:
        features = data.with_ones if rows.index is None else data.with_ones[rows.index]
        with one_thread(flops):
            return features @ parameters

    found = scores()
    sloped = model.score_slopes(found, rows)

    def clipped() -> Array:
        slopes = sloped().reshape(count, outputs)
        return clipped_gradient_sum(data.with_ones, slopes, bound, rows.index).reshape(parameters.shape)

    blank = found.reshape(count, outputs)
    last = clipped_gradient_sum.cost(data.with_ones, blank, bound, rows.index)
    first = Cost(flops, 8.0 * (count * len(parameters) + parameters.size + blank.size))
    return Call(clipped, first + sloped.cost + last)
