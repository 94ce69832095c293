"""PowerSGD: a matrix is sent as the product of two thin ones (Vogels, Karimireddy & Jaggi, NeurIPS 2019)."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from simcluster.engine import Count, Spec
from simcluster.learning import Array, Call, Cost
from simcluster.learning.dataset import GREATEST


class PowerSgd(Spec):
    """A worker sends a matrix of rank r near to its contribution; the rest is added to its next one.

    One step of power iteration from the Q of its last step (their algorithm 1): P = MQ, made orthonormal, and Q = MᵀP;
    what is sent is P and Q, and PQᵀ is read. A contribution (m, n) is 8r(m + n) bytes. One of more axes is a matrix of
    its first against all others, and 8 bytes more for each axis. A vector, and a matrix that has no more numbers than P
    and Q, goes whole, 8mn bytes, as in the authors' code: rank min(m, n) and more is dense. Here each worker's matrix
    is approximated by itself; the paper's all-reduce adds up P and Q of all workers instead, in two rounds.

    A ``Byzantine`` node rewrites P and Q each: what it negates is negated twice. Q and what is left out die with a
    worker that crashes, and the run's verdict ``forgotten`` says so.
    """

    kind: Literal["power_sgd"] = "power_sgd"
    rank: Count = 1
    """r: how many columns P and Q have."""

    def encode(
        self, values: Array, memory: Array | None, generator: np.random.Generator
    ) -> Call[tuple[Any, Array | None]]:
        """P and Q, or the contribution; the memory is what is missing from it, and then Q, in one row."""
        rows = values.shape[0] if values.ndim > 1 else 1
        columns = values.size // max(1, rows)
        if values.ndim < 2 or self.rank * (rows + columns) >= values.size:
            return Call(lambda: ((values,), None), Cost(flops=0.0, bytes=16.0 * values.size))

        def factored() -> tuple[Any, Array]:
            if memory is None:
                whole, start = values.reshape(rows, columns), generator.standard_normal((columns, self.rank))
            else:
                whole = values.reshape(rows, columns) + memory[: values.size].reshape(rows, columns)
                start = memory[values.size :].reshape(columns, self.rank)
            if not (np.abs(whole) <= GREATEST).all():  # at a liar's parameters, say: that is said, and not remembered
                thin = np.full((rows, self.rank), math.nan), np.full((columns, self.rank), math.nan)
                return self._payload(values, *thin), np.concatenate([np.zeros(values.size), start.ravel()])
            left, _ = np.linalg.qr(whole @ start)
            right = whole.T @ left
            rest = whole - left @ right.T
            return self._payload(values, left, right), np.concatenate([rest.ravel(), right.ravel()])

        products = 6.0 * values.size * self.rank + 2.0 * rows * self.rank**2
        return Call(factored, Cost(products + 2.0 * values.size, 8.0 * (7 * values.size + 3 * columns * self.rank)))

    def _payload(self, values: Array, left: Array, right: Array) -> tuple[Any, ...]:
        return (left, right) if values.ndim == 2 else (left, right, values.shape)

    def decode(self, payload: Any) -> Call[Array]:
        """PQᵀ, or what went whole."""
        if len(payload) == 1:
            return Call(lambda: np.asarray(payload[0]), Cost(flops=0.0, bytes=8.0 * payload[0].size))
        left, right, *shape = payload
        size, rank = len(left) * len(right), left.shape[1]

        def dense() -> Array:
            with np.errstate(invalid="ignore", over="ignore"):  # of a liar's numbers
                product = left @ right.T
            return np.asarray(product.reshape(shape[0]) if shape else product)

        return Call(dense, Cost(flops=2.0 * size * rank, bytes=8.0 * (size + (len(left) + len(right)) * rank)))
