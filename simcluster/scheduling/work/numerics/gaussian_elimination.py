"""Gaussian elimination, column by column."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import Count, stream
from simcluster.scheduling.work.numerics.solved import (
    ANSWER,
    NUMBER_BYTES,
    REFERENCE_FLOPS_PER_S,
    Solved,
    Step,
)
from simcluster.scheduling.work.shapes.shape import Piece, Shape

Array = NDArray[np.float64]


class Factors(NamedTuple):
    """A = L U: L is unit lower triangular, U upper triangular."""

    lower: Array
    upper: Array


class GaussianElimination(Solved):
    """A = L U without exchanges of rows, A of m columns: (m² + m - 2) / 2 tasks, on a way of 2 (m - 1).

    "pivot-k" makes the multipliers of step k of column k; "update-k-j" takes them from column j > k. Source: Topcuoglu,
    Hariri and Wu (2002, figure 9), after Cosnard, Marrakchi, Robert and Trystram (1988). A column is a block of b
    columns where b is more than 1: then the pivot eliminates within its block, and an update takes a product of
    matrices.

    Where it is ``real``, A is normal with a diagonal that dominates its columns, so that exchanging rows would change
    nothing, and the outcome is L and U, ``Factors`` as of ``scipy.linalg.lu``. The last block is eliminated by the
    task "answer".
    """

    kind: Literal["gaussian_elimination"] = "gaussian_elimination"
    columns: Annotated[Count, Field(ge=2, le=2_000)] = 5
    """How many columns, or blocks of columns, the matrix has, m."""
    block: Annotated[Count, Field(le=10_000)] = 1
    """How many columns a block has, b."""

    def shape(self, seed: int) -> Shape:
        """The tasks; nothing is drawn."""
        made: dict[str, Piece] = {}
        for k in range(self.columns - 1):
            size_bytes = self._bytes(k)
            before = ((f"update-{k - 1}-{k}", size_bytes),) if k else ()
            made[f"pivot-{k}"] = Piece(self._flops("pivot", k) / REFERENCE_FLOPS_PER_S, before)
            for j in range(k + 1, self.columns):
                before = ((f"update-{k - 1}-{j}", size_bytes),) if k else ()
                scale = self._flops("update", k) / REFERENCE_FLOPS_PER_S
                made[f"update-{k}-{j}"] = Piece(scale, (*before, (f"pivot-{k}", size_bytes)))
        return made

    def _bytes(self, k: int) -> float:
        """What of a column is still changed in step k."""
        return float(NUMBER_BYTES * (self.columns - k) * self.block**2)

    def _flops(self, what: str, k: int) -> float:
        """Operations: of a pivot (below - b / 3) b² and a division of each number, of an update twice a product."""
        below, b = (self.columns - k - 1) * self.block, float(self.block)
        if what == "pivot":
            return below * b**2 + 2 * b**3 / 3 if self.block > 1 else float(below)
        return 2 * below * b**2 + (b**3 if self.block > 1 else 0.0)

    def matrix(self, seed: int) -> Array:
        """A, (m b, m b), that belongs to ``seed``."""
        rows = self.columns * self.block
        drawn: Array = stream(seed, "scheduling", "matrix").standard_normal((rows, rows))
        return drawn + np.diag(np.abs(drawn).sum(axis=0) + 1)

    def gives(self) -> tuple[str, ...]:
        """Who gives the columns: of U what stands above each block, then L and the rest."""
        last = self.columns - 1
        above = [f"update-{k}-{j}" for j in range(1, self.columns) for k in range(j)]
        return (*(f"pivot-{k}" for k in range(last)), *above)

    def steps(self, seed: int) -> Mapping[str, Step]:
        """What each task computes: of a column the rows from step k on; the first lies where its task runs."""
        whole, b = self.matrix(seed), self.block
        made = {}
        for name in self.shape(seed):
            what, *place = name.split("-")
            k, j = int(place[0]), int(place[-1])
            first = whole[:, j * b : (j + 1) * b].copy() if k == 0 else None
            function = partial(_pivot if what == "pivot" else _update, b, first)
            made[name] = Step(function, self._flops(what, k), self._bytes(k))
        last = self.columns - 1
        rows = float(self.columns * b)
        made[ANSWER] = Step(partial(_gathered, self.columns, b), self._flops("pivot", last), 2 * NUMBER_BYTES * rows**2)
        return made


def _pivot(b: int, first: Array | None, *taken: Array) -> Array:
    """The block's columns of L and U, one above the other in one array, as LAPACK keeps them."""
    column = np.array(taken[0][b:] if first is None else first)
    for place in range(b):
        column[place + 1 :, place] /= column[place, place]
        column[place + 1 :, place + 1 :] -= np.outer(column[place + 1 :, place], column[place, place + 1 :])
    return column


def _update(b: int, first: Array | None, *taken: Array) -> Array:
    """The column after a step: its first b rows are U's, the others are still to be eliminated."""
    from scipy.linalg import solve_triangular

    column, factor = (taken[0][b:], taken[1]) if first is None else (first, taken[0])
    upper = solve_triangular(factor[:b], column[:b], lower=True, unit_diagonal=True, check_finite=False)
    changed: Array = np.vstack([upper, column[b:] - factor[b:] @ upper])
    return changed


def _gathered(columns: int, b: int, *given: Array) -> Factors:
    rows, last = columns * b, columns - 1
    lower, upper = np.eye(rows), np.zeros((rows, rows))
    above = iter(given[last:])
    pivots = list(given[:last])
    for j in range(columns):
        place = slice(j * b, (j + 1) * b)
        for k in range(j):
            update = next(above)
            upper[k * b : (k + 1) * b, place] = update[:b]
        if j == last:
            pivots.append(_pivot(b, None, update))
        upper[place, place] = np.triu(pivots[j][:b])
        lower[place, place] = np.tril(pivots[j][:b], -1) + np.eye(b)
        lower[(j + 1) * b :, place] = pivots[j][b:]
    return Factors(lower, upper)
