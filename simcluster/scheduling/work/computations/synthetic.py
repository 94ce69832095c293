"""A computation of which only the time is real."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal
from zlib import crc32

import numpy as np

from simcluster.engine import NotNegative, Positive, Spec
from simcluster.learning import Call, Cost
from simcluster.scheduling.protocols import Computed


class Synthetic(Spec):
    """Keeps a reference core busy for as many seconds as the scale of its task says, and computes next to nothing.

    Its value is a checksum of its name and of the values that it takes, so that the last values of a graph are right
    only where each task has run after all that it depends on, and was given what these have made. What travels weighs
    what the shape says.
    """

    kind: Literal["synthetic"] = "synthetic"
    flops_per_s: Positive = 1e9
    """Floating-point operations per second of the reference core; with 1 a scale is a count of operations."""
    bytes_per_flop: NotNegative = 0.0
    """How many bytes it moves to and from memory for each operation."""

    def __call__(self, name: str, scale: float, generator: np.random.Generator) -> Computed:
        """The computation of a task; nothing is drawn."""
        flops = scale * self.flops_per_s
        cost = Cost(flops, flops * self.bytes_per_flop)
        return Computed(partial(_run, cost, name), cost, None)


def _run(cost: Cost, name: str, *values: Any) -> Call[int]:
    return Call(partial(_checksum, name, values), cost)


def _checksum(name: str, values: tuple[Any, ...]) -> int:
    return crc32(repr(values).encode(), crc32(name.encode()))
