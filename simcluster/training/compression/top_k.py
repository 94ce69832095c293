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
    """A worker sends the numbers of greatest magnitude; the rest is added to its next contribution."""

    kind: Literal["top_k"] = "top_k"
    share: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.01
    """Which share of a contribution's numbers is sent, rounded up."""

    def encode(self, values: Array, memory: Array | None, generator: np.random.Generator) -> Call[tuple[Any, Array]]:
        """The shape, the places and the numbers there; the memory is what is missing from them."""
        whole = values.ravel() if memory is None else values.ravel() + memory
        comparable = np.where(np.isnan(whole), np.inf, whole)  # a liar's, say: what is no number goes first
        wanted = math.ceil(self.share * whole.size - 1e-9)  # 7 % of 100 are 7, however that is rounded
        call = top_k_sparse.call(comparable, max(1, wanted))

        def chosen() -> tuple[Any, Array]:
            places, _ = call()
            rest = whole.copy()
            rest[places] = 0.0
            return (values.shape, places, whole[places]), rest

        return Call(chosen, call.cost)

    def decode(self, payload: Any) -> Call[Array]:
        """Zero but at those places."""
        shape, places, numbers = payload

        def dense() -> Array:
            values = np.zeros(math.prod(shape))
            values[places] = numbers
            return values.reshape(shape)

        return Call(dense, Cost(flops=0.0, bytes=8.0 * (2 * len(places) + math.prod(shape))))
