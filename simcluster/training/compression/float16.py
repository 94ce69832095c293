"""Half precision: every number is sent as one of 16 bits (IEEE 754 binary16; Micikevicius et al., ICLR 2018)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.learning import Array, Call, Cost


class Float16(Spec):
    """A worker rounds each number to the nearest of half precision: 11 bits of it, and nothing beyond 65504.

    p numbers are 2p bytes. What is greater becomes infinite, so that training says that it diverged: sums over many
    rows of large features want another compression. Nothing is remembered, so no crash changes a bit.
    """

    kind: Literal["float16"] = "float16"

    def encode(self, values: Array, memory: Array | None, generator: np.random.Generator) -> Call[tuple[Any, None]]:
        """The numbers, rounded; ties to even."""

        def rounded() -> tuple[Any, None]:
            with np.errstate(over="ignore", under="ignore"):
                return values.astype(np.float16), None

        return Call(rounded, Cost(flops=float(values.size), bytes=10.0 * values.size))

    def decode(self, payload: Any) -> Call[Array]:
        """The numbers as they were sent."""
        return Call(lambda: payload.astype(np.float64), Cost(flops=0.0, bytes=10.0 * payload.size))
