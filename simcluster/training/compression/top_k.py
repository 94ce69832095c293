"""Top-k sparsification with memory of what was left out (Stich, Cordonnier & Jaggi, NeurIPS 2018)."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.kernels import top_k_sparse
from simcluster.learning import Array, Call, Cost


class TopK(Spec):
    """A worker sends the numbers of greatest magnitude; the rest is added to its next contribution.

    Of p numbers k = ⌈share·p⌉ are sent, each with its place: 16k bytes, and 8 for each axis of the shape. What is left
    out dies with a worker that crashes, and the run's verdict ``forgotten`` says so: then parameters are not those of a
    run without faults, which they are under every other strategy whose steps are complete before others begin.
    """

    kind: Literal["top_k"] = "top_k"
    share: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.01
    """Which share of a contribution's numbers is sent, rounded up."""

    def encode(self, values: Array, memory: Array | None, generator: np.random.Generator) -> Call[tuple[Any, Array]]:
        """The shape, the places and the numbers there; the memory is what is missing from them."""
        whole = values.ravel() if memory is None else values.ravel() + memory
        comparable = np.where(np.isnan(whole), np.inf, whole)  # a liar's, say: what is no number goes first
        call = top_k_sparse.call(comparable, numbers_sent(self.share, whole.size))

        def chosen() -> tuple[Any, Array]:
            places, _ = call()
            rest = whole.copy()
            rest[places] = 0.0
            return (values.shape, places, whole[places]), rest

        return Call(chosen, call.cost)

    def decode(self, payload: Any) -> Call[Array]:
        """Zero but at those places."""
        return scattered(*payload)


def numbers_sent(share: float, size: int) -> int:
    """How many of so many numbers are sent: their share, rounded up."""
    return max(1, math.ceil(share * size - 1e-9))  # 7 % of 100 are 7, however that is rounded


def scattered(shape: tuple[int, ...], places: Any, numbers: Array) -> Call[Array]:
    """An array of this shape that is zero but at the places, in its own order, of the numbers."""

    def dense() -> Array:
        values = np.zeros(math.prod(shape))
        values[places] = numbers
        return values.reshape(shape)

    return Call(dense, Cost(flops=0.0, bytes=8.0 * (2 * len(places) + math.prod(shape))))
