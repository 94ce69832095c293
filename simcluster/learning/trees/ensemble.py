"""An ensemble of boosted trees as one array: what a model's parameters are, and its parts by name."""

from __future__ import annotations

import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from simcluster.kernels.reference import Bytes
from simcluster.learning.dataset import Rows
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers
from simcluster.learning.trees.binning import binned

FEATURE, EDGE, VALUE, COUNT = range(4)
"""What a node is: the feature that it splits by (−1: none), the edge up to which rows go left, the value, its rows."""


class Ensemble:
    """Views of the parts of an array (outputs K, features d, bins B, …), which changes as they do.

    In its order the array is the levels that are done, classes (0: none), the binary digits behind the point of
    gradients and of curvatures, the edges of the bins (d, B − 1), the baseline (K,), the trees
    (rounds, K, 2^(depth + 1) − 1, 4), each node before its children at 2i + 1 and 2i + 2, the histograms of the nodes
    above the present level (K, ``parents``, d, B, 3), and zeros up to its shape. Whatever its numbers are, a liar's,
    say, it can be read: shapes are those of the array, and each number is brought to where it could be.
    """

    HEAD = 4

    def __init__(self, array: Array, rounds: int, depth: int, parents: int) -> None:
        self.array, flat = array, array.reshape(-1)
        self.outputs, features, bins = array.shape[:3]
        self.rounds, self.depth = rounds, depth
        self.done = _whole(flat[0], 0, rounds * depth)
        self.classes = self.outputs if self.outputs > 1 else 2 if flat[1] == 2 else None
        self.exponents = _whole(flat[2], -1070, 1070), _whole(flat[3], -1070, 1070)
        shapes = {
            "edges": (features, bins - 1),
            "baseline": (self.outputs,),
            "trees": (rounds, self.outputs, 2 ** (depth + 1) - 1, 4),
            "parents": (self.outputs, parents, features, bins, 3),
        }
        place, found = self.HEAD, {}
        for name, shape in shapes.items():
            size = math.prod(shape)
            if place + size > flat.size:
                rule = f"parameters must be those of {rounds} rounds of trees of depth {depth}"
                raise ValueError(f"{rule}, got an array {array.shape}, which is too small")
            found[name] = flat[place : place + size].reshape(shape)
            place += size
        self.edges, self.baseline, self.trees, self.parents = (found[name] for name in shapes)
        self.histograms_shape = features, bins, 3

    @classmethod
    def start(
        cls,
        edges: Array,
        baseline: Array,
        classes: int | None,
        exponents: tuple[int, int],
        rounds: int,
        depth: int,
        parents: int,
    ) -> Ensemble:
        """One without trees."""
        (features, inner), outputs = edges.shape, len(baseline)
        size = cls.HEAD + edges.size + outputs * (1 + rounds * (2 ** (depth + 1) - 1) * 4)
        size += outputs * parents * features * (inner + 1) * 3
        shape = outputs, features, inner + 1
        check_numbers("parameters", size, f"{rounds} rounds of {outputs} trees of depth {depth}, {features} features")
        array = np.zeros((*shape, -(-size // math.prod(shape))))
        array.reshape(-1)[: cls.HEAD] = (0, classes or 0, *exponents)
        made = cls(array, rounds, depth, parents)
        made.edges[:], made.baseline[:] = edges, baseline
        made.trees[..., FEATURE] = -1
        return made

    def advance(self) -> None:
        """A level is done."""
        self.array.reshape(-1)[0] = self.done + 1

    @property
    def bound(self) -> float:
        """What no gradient exceeds, a power of two; no curvature exceeds 1."""
        return float(np.ldexp(1.0, self.exponents[1] - self.exponents[0]))

    @property
    def round(self) -> int:
        """How many rounds are complete."""
        return self.done // self.depth

    @property
    def level(self) -> int:
        """Which level of the present trees is next."""
        return self.done % self.depth

    def nodes(self, tree: Array, features: Array, levels: int) -> NDArray[np.int64]:
        """Where each row comes to within so many levels of each output's tree of a round, (K, n)."""
        place = np.zeros((self.outputs, len(features)), dtype=np.int64)
        rows, outputs = np.arange(len(features)), np.arange(self.outputs)[:, np.newaxis]
        for _ in range(levels):
            chosen = tree[outputs, place]
            feature = np.clip(np.nan_to_num(chosen[..., FEATURE]), -1, features.shape[1] - 1).astype(np.int64)
            left = features[rows, feature] <= chosen[..., EDGE]
            place = np.where(feature >= 0, 2 * place + np.where(left, 1, 2), place)
        return place

    def raw(self, features: Array) -> Array:
        """The sum of all trees, as far as they have grown, (K, n)."""
        started = min(self.rounds, self.round + 1)
        return self._add(self._constant(len(features)), features, self.trees[:started])

    def known(self, rows: Rows) -> tuple[Bytes, Array]:
        """The bins of some rows (d, n), and the sum of all complete trees (K, n), which grow with the ensemble.

        Both are what the parameters say they are. They are remembered from call to call for as long as the rows are,
        so that each tree is added once.
        """
        key: Any = rows.data if rows.index is None else rows
        kept, trees = _KEPT.get(key), self.trees[: self.round]
        head = np.concatenate([self.edges.ravel(), self.baseline])
        if kept is None or not np.array_equal(kept[0], head):
            kept = (head, binned(rows.features, self.edges), self.trees[:0].copy(), self._constant(len(rows)))
        _, bins, before, raw = kept
        if not np.array_equal(before, trees[: len(before)]):
            before, raw = trees[:0], self._constant(len(rows))
        if len(before) < len(trees):
            raw = self._add(raw, rows.features, trees[len(before) :])
        _KEPT[key] = (head, bins, trees.copy(), raw)
        return bins, raw

    def _constant(self, rows: int) -> Array:
        return np.repeat(self.baseline[:, np.newaxis], rows, axis=1)

    def _add(self, raw: Array, features: Array, trees: Array) -> Array:
        outputs = np.arange(self.outputs)[:, np.newaxis]
        for tree in trees:
            raw = raw + tree[outputs, self.nodes(tree, features, self.depth), VALUE]
        return raw


def _whole(number: float, least: int, most: int) -> int:
    """The number as a whole one within bounds."""
    return int(np.clip(np.nan_to_num(number), least, most))


_KEPT: WeakKeyDictionary[Any, tuple[Array, Bytes, Array, Array]] = WeakKeyDictionary()
"""By rows: edges and baseline, bins, the trees that are added up, and their sum."""
