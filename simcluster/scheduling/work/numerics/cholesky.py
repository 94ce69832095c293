"""The Cholesky factorisation of a matrix in tiles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

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

Tile = NDArray[np.float64]
COST = {"potrf": 1 / 3, "trsm": 1.0, "syrk": 1.0, "gemm": 2.0}
"""Operations of each kernel on tiles of b rows, as multiples of b³ (LAPACK working note 41, without lower powers)."""


class Cholesky(Solved):
    """A = L Lᵀ, A of n × n tiles, by the tasks of the right-looking algorithm: n (n + 1) (n + 2) / 6 of them.

        potrf-k      A_kk = L_kk L_kkᵀ                          n
        trsm-i-k     L_ik = A_ik L_kk⁻ᵀ, k < i                  n (n - 1) / 2
        syrk-i-k     A_ii ← A_ii - L_ik L_ikᵀ                   n (n - 1) / 2
        gemm-i-j-k   A_ij ← A_ij - L_ik L_jkᵀ, k < j < i        n (n - 1) (n - 2) / 6

    A way has at most 3 n - 2 tasks, and costs at most (9 n - 10) b³ / 3 operations from n = 2 on. Each tile weighs 8 b²
    bytes. Where it is ``real``, A = M Mᵀ + N I with M normal and N = n b, and the outcome is L, (N, N): that of
    ``scipy.linalg.cholesky``, which factors each tile of the diagonal. Source: Buttari, Langou, Kurzak and Dongarra,
    "A class of parallel tiled linear algebra algorithms for multicore architectures", 2009.
    """

    kind: Literal["cholesky"] = "cholesky"
    tiles: Annotated[Count, Field(le=500)] = 5
    """How many tiles the matrix has in a row, n."""
    tile_rows: Annotated[Count, Field(le=10_000)] = 32
    """How many rows a tile has, b."""

    def shape(self, seed: int) -> Shape:
        """The tasks; nothing is drawn."""
        last: dict[tuple[int, int], str] = {}  # who has changed a tile last
        made: dict[str, Piece] = {}

        def add(what: str, tile: tuple[int, int], place: tuple[int, ...], factors: tuple[tuple[int, int], ...]) -> None:
            name = "-".join([what, *map(str, place)])
            before = [last[each] for each in (tile, *factors) if each in last]
            scale = COST[what] * self.tile_rows**3 / REFERENCE_FLOPS_PER_S
            made[name] = Piece(scale, tuple((each, self._tile_bytes) for each in before))
            last[tile] = name

        for k in range(self.tiles):
            add("potrf", (k, k), (k,), ())
            for i in range(k + 1, self.tiles):
                add("trsm", (i, k), (i, k), ((k, k),))
            for i in range(k + 1, self.tiles):
                add("syrk", (i, i), (i, k), ((i, k),))
                for j in range(k + 1, i):
                    add("gemm", (i, j), (i, j, k), ((i, k), (j, k)))
        return made

    @property
    def _tile_bytes(self) -> float:
        return float(NUMBER_BYTES * self.tile_rows**2)

    def matrix(self, seed: int) -> Tile:
        """A, (N, N), that belongs to ``seed``."""
        rows = self.tiles * self.tile_rows
        drawn = stream(seed, "scheduling", "matrix").standard_normal((rows, rows))
        product: Tile = drawn @ drawn.T + rows * np.eye(rows)
        return product

    def gives(self) -> tuple[str, ...]:
        """Who gives the tiles of L, row by row."""
        return tuple(
            f"trsm-{i}-{j}" if j < i else f"potrf-{i}" for i in range(self.tiles) for j in range(i + 1)
        )

    def steps(self, seed: int) -> Mapping[str, Step]:
        """What each task computes of its tiles; a tile that nothing has changed yet lies where its task runs."""
        whole, rows = self.matrix(seed), self.tile_rows
        made = {}
        for name in self.shape(seed):
            what, *place = name.split("-")
            i, j, k = _tile(what, [int(each) for each in place])
            first = whole[i * rows : (i + 1) * rows, j * rows : (j + 1) * rows].copy() if k == 0 else None
            function = partial(_KERNELS[what], first)
            made[name] = Step(function, COST[what] * rows**3, self._tile_bytes)
        answer = partial(_gathered, self.tiles, rows)
        made[ANSWER] = Step(answer, 0.0, NUMBER_BYTES * float(self.tiles * rows) ** 2)
        return made


def _tile(what: str, place: list[int]) -> tuple[int, int, int]:
    """Row and column of the tile that a task changes, and how many have changed it before."""
    if what == "potrf":
        return place[0], place[0], place[0]
    if what == "trsm":
        return place[0], place[1], place[1]
    return (place[0], place[0], place[1]) if what == "syrk" else (place[0], place[1], place[2])


def _potrf(first: Tile | None, *taken: Tile) -> Tile:
    from scipy.linalg import cholesky

    lower: Tile = cholesky(taken[0] if first is None else first, lower=True, check_finite=False)
    return lower


def _trsm(first: Tile | None, *taken: Tile) -> Tile:
    from scipy.linalg import solve_triangular

    tile, lower = taken if first is None else (first, *taken)
    solved: Tile = solve_triangular(lower, tile.T, lower=True, check_finite=False).T
    return solved


def _syrk(first: Tile | None, *taken: Tile) -> Tile:
    tile, factor = taken if first is None else (first, *taken)
    changed: Tile = tile - factor @ factor.T
    return changed


def _gemm(first: Tile | None, *taken: Tile) -> Tile:
    tile, left, right = taken if first is None else (first, *taken)
    changed: Tile = tile - left @ right.T
    return changed


_KERNELS: dict[str, Any] = {"potrf": _potrf, "trsm": _trsm, "syrk": _syrk, "gemm": _gemm}


def _gathered(tiles: int, rows: int, *given: Tile) -> Tile:
    lower = np.zeros((tiles * rows, tiles * rows))
    places = ((i, j) for i in range(tiles) for j in range(i + 1))
    for (i, j), tile in zip(places, given, strict=True):
        lower[i * rows : (i + 1) * rows, j * rows : (j + 1) * rows] = tile
    return lower
