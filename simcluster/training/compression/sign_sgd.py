"""signSGD: of every number the sign alone is sent (Bernstein et al., ICML 2018)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.learning import Array, Call, Cost
from simcluster.training.aggregation import total

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class SignSgd(Spec):
    """A worker sends the signs of its numbers, which a server counts as votes (``majority_vote``); 0 votes for +.

    p numbers are ⌈p/8⌉ bytes, 8 for what each sign stands for, 1.0, so that a liar has a number to lie about, and 8 for
    each axis of the shape. Nothing is remembered, so no crash changes a bit. Parameters come back whole.
    """

    kind: Literal["sign_sgd"] = "sign_sgd"

    def encode(self, values: Array, memory: Array | None, generator: np.random.Generator) -> Call[tuple[Any, None]]:
        """The shape, 1.0, and a bit for each number, which is 1 where it is below 0 or none at all."""

        def signs() -> tuple[Any, None]:
            return (values.shape, 1.0, np.packbits(~(values.ravel() >= 0))), None

        return Call(signs, _cost(values.size))

    def decode(self, payload: Any) -> Call[Array]:
        """1 and −1."""
        shape, one, packed = payload

        def dense() -> Array:
            bits = np.unpackbits(packed, count=math.prod(shape)).reshape(shape)
            return np.asarray(one * (1.0 - 2.0 * bits), dtype=np.float64)

        return Call(dense, _cost(math.prod(shape)))

    def refuses(self, job: TrainingJob) -> str | None:
        """Signs are no sums over rows."""
        if job.aggregation is total:
            return f"aggregation must count votes, as majority_vote does, with {self.kind}, got total"
        if not hasattr(job.model, "gradient"):
            return f"model must go down a gradient with {self.kind}, whose signs say where, got {job.model!r}"
        return None


def _cost(size: int) -> Cost:
    """A comparison or a product for each number, and its bit."""
    return Cost(flops=float(size), bytes=8.125 * size)
