"""Gradient boosting of trees on histograms (Friedman 2001; Chen & Guestrin, KDD 2016; Ke et al., NIPS 2017)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import NUMBER, Count, NotNegative, Positive, Spec
from simcluster.kernels import Call, Cost, best_split, histograms, subtract_histograms
from simcluster.learning.dataset import Dataset, Rows
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import check_numbers
from simcluster.learning.trees.binning import bin_edges
from simcluster.learning.trees.boosting_objectives import objective_of, probabilities
from simcluster.learning.trees.ensemble import COUNT, EDGE, FEATURE, VALUE, Ensemble


class GradientBoosting(Spec):
    """Boosted regression trees, grown level by level, of one step a level: ``rounds · depth`` steps in all.

    A contribution is, for each feature, output and node of the level, the sums of gradient, curvature and 1 over the
    rows in each bin; each split is found in their total. With K outputs (1 for numbers and for two classes, one a class
    for more), d features in at most B bins, a step's array is m = d · K · N · B · 3 numbers, N = 2^(depth − 1); levels
    above the last leave a part of it zero. By ``sibling_subtraction`` N = max(1, 2^(depth − 2)): only left children
    are sent, the right ones are what is missing from their parents (half the bytes, the same trees). By a
    ``ReduceScatter`` each worker finds the best splits of some features (half of that, the same trees). A round is
    ``depth`` steps, of 2(p − 1)(8m + 80p) bytes each by a ring of p workers.

    Gradients and curvatures are rounded to whole multiples of powers of two such that all sums over n rows are exact
    in float64, to 52 − log₂ n bits: no sum depends on the order of its parts, and the trees are the same, to the last
    bit, for any number of nodes, any split and any exchange. (Sums of floats as they are may choose another of two
    splits of nearly equal gain for each way to add them up; from there on the trees differ.) A squared error's gradient
    is cut off at 8 to 16 times the range of the targets. The bins are those of all rows, as scikit-learn's are, made
    with the first parameters and not paid for. With ``max_leaf_nodes=None`` and the like-named settings the trees are
    those of ``HistGradientBoostingClassifier`` and ``Regressor``, but for splits whose gains are nearly equal, as these
    round gradients to 24 bits.

    The cost of a step is that of its histograms and, per row and output, of one tree's prediction and the derivatives:
    a worker is taken to remember the sums of the trees of its rows. Needs ``batch_size=None`` and bulk-synchronous
    waiting, for all rows have to speak of the same nodes.
    """

    kind: Literal["gradient_boosting"] = "gradient_boosting"
    rounds: Count = 30
    """How many trees there are for each output."""
    depth: Annotated[int, Field(ge=1, le=12), NUMBER] = 3
    """How many splits lie between a root and its leaves at most."""
    learning_rate: Positive = 0.1
    """By what each leaf's step is multiplied."""
    l2: NotNegative = 0.0
    """λ of a leaf's step, −G/(H + λ)."""
    min_samples_leaf: Count = 20
    """How many rows a leaf has at least."""
    min_hessian: NotNegative = 1e-3
    """The least sum of curvatures of a leaf."""
    max_bins: Annotated[int, Field(ge=2, le=256), NUMBER] = 255
    """How many bins a feature has at most."""
    sibling_subtraction: bool = True
    """Whether only left children are sent, and the right ones are subtracted from their parents."""

    needs_whole_steps: ClassVar[bool] = True

    parameter_axes: ClassVar[tuple[str, ...]] = ("K", "d", "B", "…")

    @property
    def steps(self) -> int:
        """How many steps it takes."""
        return self.rounds * self.depth

    def initial(self, data: Dataset, generator: np.random.Generator) -> Array:
        """No trees: the edges of the bins, and the constant with the least loss."""
        if not data.features.size:
            raise ValueError(f"features must have a column, got {data.features.shape}")
        objective = objective_of(data.classes)
        edges = bin_edges(data.features, self.max_bins)
        bits = 52 - len(data).bit_length()
        exponents = bits - math.frexp(objective.bound(data))[1] + 1, bits
        baseline, size = objective.baseline(data), (self.rounds, self.depth, self._parents)
        room = f"{self._width} nodes of {len(baseline)} trees, {len(edges)} features in {edges.shape[1] + 1} bins"
        check_numbers("histograms", 3 * len(baseline) * self._width * (edges.size + len(edges)), room)
        return Ensemble.start(edges, baseline, data.classes, exponents, *size).array

    def contribution(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The histograms of the nodes of the level, (d, K, N, B, 3), in whole multiples."""
        return self._histograms(parameters, rows, self._sent, self.sibling_subtraction)

    def whole(self, parameters: Array, rows: Rows) -> Call[Array]:
        """The histograms of all nodes of the level, (d, K, 2^(depth − 1), B, 3), where their parents' are not known."""
        return self._histograms(parameters, rows, self._width, False)

    def _histograms(self, parameters: Array, rows: Rows, room: int, left_only: bool) -> Call[Array]:
        ensemble = self._ensemble(parameters)
        outputs, (features, most, _) = ensemble.outputs, ensemble.histograms_shape
        sums = np.zeros((features, outputs, room, most, 3))
        if ensemble.done >= self.steps:
            return Call(lambda: sums, Cost(0.0, 8.0 * sums.size))
        level = ensemble.level
        nodes = ensemble.nodes(ensemble.trees[ensemble.round], rows.features, level)
        left_only = left_only and level > 0
        wanted = [
            (output, place, np.flatnonzero(nodes[output] == node))
            for output in range(outputs)
            for place, node in enumerate(range(2**level - 1, 2 ** (level + 1) - 1, 2 if left_only else 1))
        ]
        wanted = [each for each in wanted if each[2].size]
        bins, raw = ensemble.known(rows)
        derivatives, bound = objective_of(ensemble.classes).derivatives, ensemble.bound

        def summed() -> Array:
            gradient, curvature = derivatives(raw, rows.targets)
            gradient = np.rint(np.ldexp(np.clip(gradient, -bound, bound), ensemble.exponents[0]))
            curvature = np.rint(np.ldexp(curvature, ensemble.exponents[1]))
            found = sums.copy()
            for output, place, index in wanted:
                found[:, output, place] = histograms(bins, gradient[output], curvature[output], most, index)
            return found

        at_hand = raw[0], raw[0], most
        cost = Cost(flops=(self.depth + 10.0) * raw.size, bytes=8.0 * (4 * raw.size + self.depth * raw.size))
        for _, _, index in wanted:
            cost = cost + histograms.cost(bins, *at_hand, index)
        return Call(summed, cost)

    def update(self, parameters: Array, total: Array, rows: float) -> Array:
        """Split the nodes of the level where that gains; their children have the steps −η·G/(H + λ)."""
        before = self._ensemble(parameters)
        said, parents = self.condense(parameters, total, 0, before.parents)
        ensemble = self._ensemble(self.conclude(parameters, said[np.newaxis], rows))
        if ensemble.done > before.done:
            ensemble.parents[:] = parents
        return ensemble.array

    def condense(self, parameters: Array, part: Array, first: int, memory: Array) -> tuple[Array, Array]:
        """What the histograms of some features say of each node, (K, 2^(depth − 1), 9), and the next memory.

        That is the gain of the best split by one of them, its feature (−1: there is none) and bin, then G, H and the
        rows to its left, and those of the node. ``part`` is as a contribution, of the features from ``first`` on. The
        memory is the histograms of the nodes above (K, parents, features of the part, B, 3); where they are missing and
        needed, all is NaN, and they still are.
        """
        ensemble = self._ensemble(parameters)
        outputs, (_, most, _) = ensemble.outputs, ensemble.histograms_shape
        said, following = np.zeros((outputs, self._width, 9)), np.zeros((outputs, self._parents, len(part), most, 3))
        said[..., 1] = -1
        if not len(part) or ensemble.done >= self.steps:
            return said, following
        if ensemble.level and part.shape[2] < self._width and not memory.size:
            return np.full_like(said, np.nan), memory
        # Gradients are in units of what bounds them, so that targets of any size have gains that are numbers.
        fine = float(np.ldexp(1.0, -ensemble.exponents[1]))
        unit = np.array([fine, fine, 1.0])
        for output, place, _ in self._present(ensemble):
            whole = self._sums(ensemble, part, output, place, memory)
            sums, found = whole * unit, said[output, place]
            found[6:] = sums[0].sum(axis=0)
            if not np.isfinite(sums.sum(axis=1)).all():  # a liar's, say
                found[6:] = np.nan
                continue
            gain, feature, edge = best_split(sums, self.l2, self.min_hessian, float(self.min_samples_leaf))
            if feature >= 0:
                found[:6] = gain, first + feature, edge, *sums[feature, : edge + 1].sum(axis=0)
            if place < self._parents and ensemble.level < self.depth - 1:
                following[output, place] = whole
        return said, following

    def conclude(self, parameters: Array, said: Array, rows: float) -> Array:
        """The parameters after the level, from what each part says, (parts, K, 2^(depth − 1), 9), in their order.

        Where the rows of a node are not those that were sent to it, its value is NaN from now on, and so is the loss.
        """
        ensemble = self._ensemble(np.array(parameters))
        if ensemble.done >= self.steps:
            return ensemble.array
        trees = ensemble.trees[ensemble.round]
        for output, place, node in self._present(ensemble):
            parts, tree = said[:, output, place], trees[output]
            best = parts[np.argmax(parts[:, 0])]  # of equal gains the first, whose features are the lowest
            whole = parts[np.argmax(parts[:, 8]), 6:]  # a part without features says nothing
            sent = float(tree[node, COUNT]) if node else whole[2]
            if not (np.isfinite(parts).all() and whole[2] == sent and _possible(best, sent, ensemble)):
                tree[node, VALUE] = np.nan
                continue
            if node == 0:
                tree[0, VALUE], tree[0, COUNT] = self._step(whole, ensemble.bound), whole[2]
            if best[1] >= 0:
                left = best[3:6]
                tree[node, FEATURE], tree[node, EDGE] = best[1], ensemble.edges[int(best[1]), int(best[2])]
                for child, side in ((2 * node + 1, left), (2 * node + 2, whole - left)):
                    tree[child, VALUE], tree[child, COUNT] = self._step(side, ensemble.bound), side[2]
        ensemble.advance()
        return ensemble.array

    def loss(self, parameters: Array, rows: Rows) -> Call[float]:
        """The mean log-loss, or half the mean squared error, of the trees as far as they have grown."""
        ensemble = self._ensemble(parameters)
        mean = objective_of(ensemble.classes).mean
        return Call(lambda: mean(ensemble.raw(rows.features), rows.targets), self._cost(ensemble, len(rows)))

    def predict(self, parameters: Array, features: Array) -> NDArray[np.int64] | Array:
        """The most probable class of each row, the first of equals, (n,) int64; or its value, (n,) float64."""
        ensemble = self._ensemble(parameters)
        raw = ensemble.raw(features)
        if ensemble.classes is None:
            return np.array(raw[0])
        return np.array(np.argmax(raw, axis=0) if len(raw) > 1 else raw[0] > 0, dtype=np.int64)

    def classes_of(self, parameters: Array) -> int:
        """Those that were learned, or none where values were."""
        return self._ensemble(parameters).classes or 0

    def probabilities(self, parameters: Array, features: Array) -> Array:
        """The probability of each class, (n, k). Raises ``ValueError`` where values are learned and no classes."""
        if self._ensemble(parameters).classes is None:
            raise ValueError("probabilities are those of classes, got a model of values (regression)")
        return np.ascontiguousarray(probabilities(self._ensemble(parameters).raw(features)).T)

    @property
    def _width(self) -> int:
        """How many nodes a tree's last level of splits has."""
        return 1 << (self.depth - 1)

    @property
    def _sent(self) -> int:
        """N: for how many nodes of each output there is room in a contribution."""
        return max(1, self._width // 2) if self.sibling_subtraction else self._width

    @property
    def _parents(self) -> int:
        """How many nodes' histograms are remembered until their children are split."""
        return self._sent if self.sibling_subtraction and self.depth > 1 else 0

    def _ensemble(self, parameters: Array) -> Ensemble:
        return Ensemble(parameters, self.rounds, self.depth, self._parents)

    def _cost(self, ensemble: Ensemble, rows: int) -> Cost:
        """Of predicting: a comparison and three reads for each level of each tree, and an addition for each tree."""
        steps = float(rows * ensemble.outputs * min(self.rounds, ensemble.round + 1))
        return Cost(flops=(self.depth + 1) * steps, bytes=8 * (3 * self.depth + 1) * steps)

    def _present(self, ensemble: Ensemble) -> Iterator[tuple[int, int, int]]:
        """The nodes of the level that there are: output, place in the level, and place in the tree."""
        level = ensemble.level
        for output, tree in enumerate(ensemble.trees[ensemble.round]):
            for place, node in enumerate(range(2**level - 1, 2 ** (level + 1) - 1)):
                if not level or tree[node, COUNT]:  # else its parent is a leaf
                    yield output, place, node

    def _sums(self, ensemble: Ensemble, sent: Array, output: int, place: int, parents: Array) -> Array:
        """The histograms of a node of the level, in whole multiples."""
        if not ensemble.level or sent.shape[2] == self._width:
            return np.ascontiguousarray(sent[:, output, place])
        left = np.ascontiguousarray(sent[:, output, place // 2])
        if place % 2 == 0:
            return left
        return subtract_histograms(np.ascontiguousarray(parents[output, place // 2]), left)

    def _step(self, side: Array, bound: float) -> float:
        gradient, curvature = float(side[0]), float(side[1]) + self.l2
        return -self.learning_rate * bound * gradient / curvature if curvature > 0 else 0.0


def _possible(best: Array, rows: float, ensemble: Ensemble) -> bool:
    """Whether what is said to be the best split of a node of so many rows is one, or that there is none."""
    features, bins, _ = ensemble.histograms_shape
    return bool(best[1] == -1 or (0 <= best[1] < features and 0 <= best[2] < bins - 1 and 0 < best[5] < rows))
