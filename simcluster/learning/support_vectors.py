"""Kernel machines of support vectors: scikit-learn's solver on some rows, its dual objective, and what it predicts."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import Positive, Spec
from simcluster.kernels import Call, Cost
from simcluster.learning.dataset import Dataset

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NUMBER_BYTES = 8
MOST_STEPS = 10_000_000


class Vectors(NamedTuple):
    """Rows of a data set that travel: 8 (d + 2) bytes each.

    ``rows`` (n,) are their numbers in the data set, in rising order, ``features`` (n, d) and ``labels`` (n,) theirs.
    """

    rows: Integers
    features: Floats
    labels: Integers

    def take(self, places: Integers) -> Vectors:
        """Those at these places, in this order."""
        return Vectors(self.rows[places], self.features[places], self.labels[places])

    def __or__(self, other: Vectors) -> Vectors:
        """These and those, a row that is in both once, in the order of their numbers."""
        rows, first = np.unique(np.concatenate([self.rows, other.rows]), return_index=True)
        features, labels = np.vstack([self.features, other.features]), np.concatenate([self.labels, other.labels])
        return Vectors(rows, features[first], labels[first])


@dataclass(frozen=True)
class KernelMachine:
    """A kernel support vector machine, one against one (Knerr et al. 1990), as scikit-learn's ``SVC`` has it.

    ``classes`` (k,) are labels in rising order, ``vectors`` those on whose features it rests, ordered by label;
    ``coefficients`` (k - 1, n), signed, and ``intercepts`` (k (k - 1) / 2,) are those of the pairs of classes, and
    ``gamma`` is the width of the kernel exp(-gamma ‖x - z‖²), or ``None`` for the linear one, x·z.
    """

    classes: Integers
    vectors: Vectors
    coefficients: Floats
    intercepts: Floats
    gamma: float | None

    def predict(self, features: Floats) -> Integers:
        """The class that wins most pairs, of several the first, (n,), of features (n, d)."""
        kernel = self._kernel(np.asarray(features, dtype=np.float64))
        votes = np.zeros((len(kernel), len(self.classes)), dtype=np.int64)
        for place, (i, j) in enumerate(combinations(range(len(self.classes)), 2)):
            columns, weights = self._pair(i, j)
            decision = kernel[:, columns] @ weights + self.intercepts[place]
            # Of two classes alone scikit-learn turns the sign around, so that positive means the second.
            first = decision <= 0 if len(self.classes) == 2 else decision > 0
            votes[np.arange(len(votes)), np.where(first, i, j)] += 1
        winners: Integers = self.classes[np.argmax(votes, axis=1)]
        return winners

    @property
    def by_row(self) -> Vectors:
        """Its support vectors in the order of their numbers."""
        return self.vectors.take(np.argsort(self.vectors.rows))

    def dual_objective(self) -> float:
        """Σ α_i - ½ Σ α_i α_j y_i y_j K(x_i, x_j), added over the pairs of classes: what training makes large."""
        kernel, found = self._kernel(self.vectors.features), []
        for i, j in combinations(range(len(self.classes)), 2):
            columns, weights = self._pair(i, j)
            quadratic = weights @ kernel[np.ix_(columns, columns)] @ weights
            found.append(float(np.abs(weights).sum() - quadratic / 2))
        return math.fsum(found)

    def _pair(self, i: int, j: int) -> tuple[Integers, Floats]:
        """The vectors of two classes, and α y of each in the problem of these two (libsvm's FAQ has the layout)."""
        of_i, of_j = (np.flatnonzero(self.vectors.labels == self.classes[each]) for each in (i, j))
        weights = np.concatenate([self.coefficients[j - 1, of_i], self.coefficients[i, of_j]])
        return np.concatenate([of_i, of_j]), weights

    def _kernel(self, features: Floats) -> Floats:
        products: Floats = features @ self.vectors.features.T
        if self.gamma is None:
            return products
        squares = (features**2).sum(axis=1)[:, None] + (self.vectors.features**2).sum(axis=1)
        return np.asarray(np.exp(-self.gamma * np.maximum(squares - 2 * products, 0.0)))


class KernelSolver(Spec):
    """How a kernel machine is trained: by scikit-learn's ``SVC``, that is libsvm (Chang & Lin 2011)."""

    kernel: Literal["rbf", "linear"] = "rbf"
    """The kernel: exp(-gamma ‖x - z‖²), or the dot product."""
    c: Positive = 1.0
    """What a row on the wrong side of its margin costs."""
    gamma: Positive | Literal["scale"] = "scale"
    """The width of the first kernel ("scale": one over features times variance, of all rows that are learned from)."""

    def width(self, data: Dataset) -> float | None:
        """Gamma for these rows; ``None`` where the kernel has none."""
        if self.kernel == "linear":
            return None
        if self.gamma != "scale":
            return self.gamma
        variance = float(data.features.var())
        return 1.0 / (data.features.shape[1] * variance) if variance > 0 else 1.0

    def solve(self, vectors: Vectors, gamma: float | None) -> Call[KernelMachine | None]:
        """The machine of these rows; ``None`` where all have one label, so that there is nothing to separate.

        Its dual objective is the largest to libsvm's tolerance, 1e-3 in each condition of optimality. The call raises
        ``ValueError`` where ten million steps of libsvm do not come to it.
        """
        return Call(lambda: self._machine(vectors, gamma), solving_cost(*vectors.features.shape))

    def _machine(self, vectors: Vectors, gamma: float | None) -> KernelMachine | None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import SVC

        if len(np.unique(vectors.labels)) < 2:
            return None
        width = "scale" if gamma is None else gamma  # which the linear kernel does not look at
        solved = SVC(kernel=self.kernel, C=self.c, gamma=width, max_iter=MOST_STEPS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", ConvergenceWarning)
                solved.fit(vectors.features, vectors.labels)
        except ConvergenceWarning:
            rule = f"c must let libsvm end within {MOST_STEPS} steps"
            raise ValueError(f"{rule}, got {self.c} for {len(vectors.rows)} rows") from None
        kept = vectors.take(solved.support_)
        classes = np.array(solved.classes_, dtype=np.int64)
        return KernelMachine(classes, kept, np.array(solved.dual_coef_), np.array(solved.intercept_), gamma)


def solving_cost(rows: int, features: int) -> Cost:
    """What training on so many rows takes: the matrix of the kernel, and as many steps of SMO as there are rows.

    A product of two rows is 2 d operations and the exponential of a distance 3; a step (Platt 1998) changes two
    multipliers and so each row's gradient, 4 operations. How many steps there are depends on the data; between a half
    and two a row are usual.
    """
    return Cost(
        flops=rows * rows * (2 * features + 3 + 4), bytes=NUMBER_BYTES * (rows * features + 3 * rows * rows)
    )


def separating_cost(rows: int, vectors: int, features: int, classes: int) -> Cost:
    """What it takes to predict so many ``rows``: the kernel with each vector, and its sum for each other class."""
    return Cost(
        flops=rows * vectors * (2 * features + 3 + 2 * (classes - 1)),
        bytes=NUMBER_BYTES * (rows * features + vectors * features + rows * vectors),
    )
