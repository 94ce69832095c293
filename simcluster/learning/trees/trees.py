"""Random forests of scikit-learn's trees: how one is grown tree by tree, what that costs, and what it predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import NUMBER, Count, Spec
from simcluster.kernels import Call, Cost
from simcluster.learning.dataset import Dataset

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
TreeCount = Annotated[int, Field(ge=1, le=100_000), NUMBER]
RandomState = Annotated[int, Field(ge=0, lt=2**31), NUMBER]

NUMBER_BYTES = 8


class Tree(NamedTuple):
    """A grown tree of m nodes, as plain arrays, which travel: 8 (4 + k) bytes a node.

    A row goes to ``left`` (m,) where its ``feature`` (m,) is at most the ``threshold`` (m,), else to ``right`` (m,); a
    leaf's children are -1. ``value`` (m, k) are the shares of the k classes, or the one mean of a regression.
    """

    left: Integers
    right: Integers
    feature: Integers
    threshold: Floats
    value: Floats

    def predict(self, features: NDArray[np.float32]) -> Floats:
        """What each row's leaf holds, (n, k). Features are float32 as in scikit-learn, whose trees compare these."""
        at = np.zeros(len(features), dtype=np.int64)
        rows = np.arange(len(features))
        while len(rows := rows[self.left[at[rows]] >= 0]):
            node = at[rows]
            goes_left = features[rows, self.feature[node]] <= self.threshold[node]
            at[rows] = np.where(goes_left, self.left[node], self.right[node])
        return self.value[at]


@dataclass(frozen=True)
class Forest:
    """Trees that predict together, by the mean of what they say: of probabilities, not of votes.

    Breiman (2001) lets each tree vote for one class, and many textbooks describe it so; scikit-learn averages the
    trees' probabilities (its user's guide, 1.11.2), and so does this. ``classes`` is ``None`` for a regression.
    """

    trees: tuple[Tree, ...]
    classes: int | None

    def probabilities(self, features: Floats) -> Floats:
        """The probability of each class, (n, classes), of features (n, d); a class that no tree saw has 0.

        Raises ``ValueError`` for a regression.
        """
        if self.classes is None:
            raise ValueError("probabilities must be asked of a classification, got a forest of regression trees")
        return self._mean(features)

    def predict(self, features: Floats) -> NDArray[Any]:
        """The most probable class, of several the first, int64 (n,), or the mean value, float64 (n,)."""
        mean = self._mean(features)
        return mean[:, 0] if self.classes is None else np.argmax(mean, axis=1).astype(np.int64)

    def score(self, data: Dataset) -> float:
        """The accuracy on these rows, or R² where this is a regression."""
        from sklearn.metrics import accuracy_score, r2_score

        if self.classes is None and len(data) < 2:
            raise ValueError(f"R² must be of at least two rows, got {len(data)}")
        measure = r2_score if self.classes is None else accuracy_score
        return float(measure(data.targets, self.predict(data.features)))

    def _mean(self, features: Floats) -> Floats:
        single = np.asarray(features, dtype=np.float32)
        total = np.zeros((len(single), self.classes or 1))
        for tree in self.trees:  # one after the other, as scikit-learn adds them
            total += tree.predict(single)
        return total / len(self.trees)


class Growth(Spec):
    """How the trees of a forest are grown: Breiman's (Machine Learning 45, 2001), with scikit-learn's defaults.

    Each tree sees as many rows as there are, drawn with replacement, and at each node some of the features. Its one
    seed decides both, and is drawn from ``random_state`` as scikit-learn does, so that trees that are grown apart are
    bit for bit those of ``RandomForestClassifier(random_state=random_state)`` or ``RandomForestRegressor``.
    """

    trees: TreeCount = 100
    """How many trees there are."""
    max_depth: Count | None = None
    """How deep a tree may be (``None``: until its leaves are pure)."""
    max_features: Literal["sqrt", "log2"] | Annotated[float, Field(gt=0, le=1), NUMBER] | None = None
    """How many features a split is chosen from: a share of them or a rule (``None``: sqrt for labels, else all)."""
    min_samples_leaf: Count = 1
    """How many rows a leaf has at least."""

    def seeds(self, random_state: int) -> list[int]:
        """One seed for each tree, those that scikit-learn's forest draws from this ``random_state``."""
        from sklearn.utils import check_random_state

        drawn: list[int] = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=self.trees).tolist()
        return drawn

    def grow(self, data: Dataset, seeds: list[int]) -> Call[tuple[Tree, ...]]:
        """The trees of these seeds on all rows of ``data``, in their order.

        The call raises ``ValueError`` for a feature out of the range of float32, which scikit-learn's trees use.
        """
        cost = self.cost(len(data), data.features.shape[1], data.classes, len(seeds))
        return Call(lambda: self._trees(data, seeds), cost)

    def cost(self, rows: int, features: int, classes: int | None, trees: int) -> Cost:
        """What growing so many ``trees`` takes, if they are balanced: a formula, whatever the rows are.

        On each of ⌈log2(rows / min_samples_leaf)⌉ levels, ``max_depth`` at most, every row is sorted by each of the m
        features that are tried, ⌈log2 rows⌉ comparisons, and taken into one count per class (one sum where there are
        none). Read are m values of 4 bytes of each row, its number and its weight.
        """
        tried = self.features_tried(features, classes)
        levels = max(1, math.ceil(math.log2(max(1.0, rows / self.min_samples_leaf))))
        levels = levels if self.max_depth is None else min(levels, self.max_depth)
        sorting = math.ceil(math.log2(max(2, rows))) + (classes or 1)
        return float(trees * levels * rows) * Cost(flops=tried * sorting, bytes=4 * tried + 2 * NUMBER_BYTES)

    def predicting_cost(self, rows: int, train_rows: int, classes: int | None, trees: int) -> Cost:
        """What it takes to send ``rows`` down that many trees: a comparison a level, and a sum of the leaves."""
        levels = max(1, math.ceil(math.log2(max(2, train_rows))))
        levels = levels if self.max_depth is None else min(levels, self.max_depth)
        each = Cost(flops=levels + (classes or 1), bytes=NUMBER_BYTES * (4 * levels + 2 * (classes or 1)))
        return float(rows * trees) * each

    def tree_bytes(self, rows: int, classes: int | None) -> int:
        """How large a tree is at most: a leaf has a row, and a tree of this depth has so many nodes."""
        nodes = 2 * max(1, rows // self.min_samples_leaf) - 1
        if self.max_depth is not None and self.max_depth < 31:
            nodes = min(nodes, 2 ** (self.max_depth + 1) - 1)
        return nodes * NUMBER_BYTES * (4 + (classes or 1))

    def features_tried(self, features: int, classes: int | None) -> int:
        """From how many of the features a split is chosen."""
        rule = ("sqrt" if classes is not None else 1.0) if self.max_features is None else self.max_features
        if isinstance(rule, str):
            return max(1, int(math.sqrt(features) if rule == "sqrt" else math.log2(features)))
        return max(1, int(rule * features))

    def check_scored(self, rows: int, classes: int | None) -> None:
        """Raise ``ValueError`` where a forest cannot be scored on so many rows: R² of one row is not defined."""
        if classes is None and rows < 2:
            raise ValueError(f"R² must be of at least two rows, got {rows} held out")

    def _trees(self, data: Dataset, seeds: list[int]) -> tuple[Tree, ...]:
        from sklearn import config_context

        with np.errstate(over="ignore"):
            single = data.features.astype(np.float32)
        if not np.isfinite(single).all():
            got = data.features[~np.isfinite(single)][0]
            raise ValueError(f"features of trees must be within the range of float32, got {got}")
        with config_context(skip_parameter_validation=True):  # of a specification, once, when it was made
            return tuple(self._tree(data, single, seed) for seed in seeds)

    def _tree(self, data: Dataset, single: NDArray[np.float32], seed: int) -> Tree:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
        from sklearn.utils import check_random_state

        rows = len(data)
        # The bootstrap sample as weights, drawn by the same seed as what the tree draws itself: scikit-learn's way.
        weights = np.bincount(check_random_state(seed).randint(0, rows, rows), minlength=rows)
        kind = DecisionTreeRegressor if data.classes is None else DecisionTreeClassifier
        grown = kind(
            max_depth=self.max_depth, max_features=self.features_tried(data.features.shape[1], data.classes),
            min_samples_leaf=self.min_samples_leaf, random_state=seed,
        )  # fmt: skip
        grown.fit(single, data.targets, sample_weight=weights.astype(np.float64), check_input=False)
        inner, value = grown.tree_, grown.tree_.value[:, 0, :]
        if data.classes is not None:  # the tree knows only the classes of its rows
            shares = np.zeros((len(value), data.classes))
            shares[:, grown.classes_] = value
            value = shares
        return Tree(
            np.array(inner.children_left, dtype=np.int64), np.array(inner.children_right, dtype=np.int64),
            np.array(inner.feature, dtype=np.int64), np.array(inner.threshold, dtype=np.float64),
            np.array(value, dtype=np.float64),
        )  # fmt: skip
