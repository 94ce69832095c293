"""Standardisation that is fitted where the rows lie: each shard says its moments, and these are merged exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simcluster.kernels import Call, Cost
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.protocols import Array


class Moments(NamedTuple):
    """Of so many ``rows`` the ``mean`` (d,) and ``squares`` (d,), the sum of the squared deviations from it."""

    rows: float
    mean: Array
    squares: Array


@dataclass(frozen=True, eq=False)
class Scaling:
    """What makes features standard: their ``mean`` (d,) is taken away, and they are divided by ``scale`` (d,)."""

    mean: Array
    scale: Array

    def of(self, features: Array) -> Array:
        """Features (n, d), standardised."""
        return np.asarray((features - self.mean) / self.scale)

    def standardised(self, data: Dataset) -> Dataset:
        """The same data with standardised features."""
        return Dataset(self.of(data.features), data.targets, data.classes)


def moments(rows: Rows) -> Call[Moments]:
    """What one shard says of its rows, in two passes over them; no rows say nothing."""
    count, columns = len(rows), rows.data.features.shape[1]

    def compute() -> Moments:
        if not count:
            return Moments(0.0, np.zeros(columns), np.zeros(columns))
        first = rows.features[0]
        mean = first + (rows.features - first).mean(axis=0)  # of a constant feature its very value
        apart = rows.features - mean
        with np.errstate(over="ignore"):
            squares = (apart**2).sum(axis=0)
        small = (squares == 0) & apart.any(axis=0)
        if not np.isfinite(squares).all() or small.any():
            worst = apart[:, int(np.argmax(~np.isfinite(squares) | small))]
            rule = "deviations from the mean must have squares that are numbers above 0 to be standardised"
            raise ValueError(f"{rule}, got up to {np.abs(worst).max():g}")
        return Moments(float(count), mean, squares)

    # One addition for the mean, and three operations for the squares; read for both.
    return Call(compute, Cost(flops=4.0 * count * columns, bytes=16.0 * (count + 1) * columns))


def merged(parts: Iterable[Moments]) -> Moments:
    """The moments of all rows, from those of disjoint parts of them, in their order.

    With δ = μ_b − μ_a: μ = μ_a + δ·n_b/n and M = M_a + M_b + δ²·n_a·n_b/n (Chan, Golub & LeVeque, "Updating formulae
    and a pairwise algorithm for computing sample variances", 1979). A part is 1 + 2d numbers. The textbook's
    Σx²/n − (Σx/n)² adds up as easily, and loses all digits where the mean is large beside the spread. Raises
    ``ValueError`` where there are no rows at all.
    """
    whole: Moments | None = None
    for part in parts:
        if whole is None or not whole.rows:
            whole = part
        elif part.rows:
            rows = whole.rows + part.rows
            apart = part.mean - whole.mean
            mean = whole.mean + apart * (part.rows / rows)
            squares = whole.squares + part.squares + apart**2 * (whole.rows * part.rows / rows)
            whole = Moments(rows, mean, squares)
    if whole is None or not whole.rows:
        raise ValueError("moments must be of at least one row, got none")
    return whole


def scaling(of: Moments) -> Scaling:
    """Mean and standard deviation (the sum of squares by n), as scikit-learn's ``StandardScaler`` has them.

    A feature that is constant, to the digits that a sum of so many rows has, is divided by 1.
    """
    variance, epsilon = of.squares / of.rows, np.finfo(np.float64).eps
    constant = variance <= of.rows * epsilon * variance + (of.rows * of.mean * epsilon) ** 2
    return Scaling(of.mean, np.where(constant, 1.0, np.sqrt(np.where(constant, 1.0, variance))))
