"""Random sparsification with memory of what was left out (Stich, Cordonnier & Jaggi, NeurIPS 2018)."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Spec, stream
from simcluster.learning import Array, Call, Cost
from simcluster.training.compression.top_k import numbers_sent, scattered


class RandomK(Spec):
    """A worker sends numbers at random places; the rest is added to its next contribution.

    Of p numbers k = ⌈share·p⌉ are sent, without their places, which whoever reads them draws anew from the seed that
    is sent in their stead: 8·(1 + k) bytes, and 8 for each axis of the shape. They are not scaled up by p/k, for what
    is missing comes later. What is left out dies with a worker that crashes; the run's verdict ``forgotten`` says so.
    """

    kind: Literal["random_k"] = "random_k"
    share: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.01
    """Which share of a contribution's numbers is sent, rounded up."""

    def encode(self, values: Array, memory: Array | None, generator: np.random.Generator) -> Call[tuple[Any, Array]]:
        """The shape, the seed of the places and the numbers there; the memory is what is missing from them."""
        wanted = numbers_sent(self.share, values.size)

        def chosen() -> tuple[Any, Array]:
            with np.errstate(invalid="ignore"):  # of infinities, which a liar may send
                rest = values.ravel() + (0.0 if memory is None else memory)
            seed = int(generator.integers(2**62))
            places = _places(seed, rest.size, wanted)
            numbers = rest[places]
            rest[places] = 0.0
            return (values.shape, seed, numbers), rest

        return Call(chosen, Cost(flops=values.size + 4.0 * wanted, bytes=8.0 * (3 * values.size + 2 * wanted)))

    def decode(self, payload: Any) -> Call[Array]:
        """Zero but at those places."""
        shape, seed, numbers = payload
        size = math.prod(shape)
        found = scattered(shape, _places(seed, size, len(numbers)), numbers)
        return Call(found.function, found.cost + Cost(flops=4.0 * len(numbers), bytes=0.0))


def _places(seed: int, size: int, wanted: int) -> Any:
    """As many places as wanted, each once, ascending."""
    return np.sort(stream(seed, "random_k").choice(size, wanted, replace=False, shuffle=False))
