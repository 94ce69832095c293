"""Classifiers of scikit-learn that a search may tune, and an ensemble hear, with what each is declared to cost."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any, Literal

import numpy as np

from simcluster.engine import Count, Positive, Spec
from simcluster.learning import Array, Call, Cost, Dataset
from simcluster.learning.cross_validation import Integers
from simcluster.learning.trees.trees import Growth

NUMBER_BYTES = 8


class Classifier(Spec):
    """What scikit-learn's classifiers share here: they learn from some rows, and say something of others.

    The methods raise ``ValueError`` for targets that are no labels.
    """

    @abstractmethod
    def made(self, random_state: int) -> Any:
        """The estimator of scikit-learn, which has learned nothing yet."""
        ...

    def cost_of(self, training: Dataset, asked: int) -> Cost:
        """What learning and answering for so many rows takes: a formula of shapes. Raises ``ValueError`` as above."""
        if training.classes is None:
            raise ValueError(f"{type(self).__name__} must learn labels, got targets that are none")
        rows, features = training.features.shape
        return self._cost(rows, features, training.classes, asked)

    def score(self, training: Dataset, held_back: Dataset, random_state: int) -> Call[float]:
        """The accuracy on ``held_back``."""
        told = self.predict(training, held_back.features, random_state)
        return Call(lambda: float(np.mean(told() == held_back.targets)), told.cost)

    def predict(self, training: Dataset, features: Array, random_state: int) -> Call[Integers]:
        """The label of each row of ``features`` (n, d), as scikit-learn says it, (n,)."""
        cost = self.cost_of(training, len(features))
        return Call(lambda: self._fitted(training, random_state).predict(features).astype(np.int64), cost)

    def probabilities(self, training: Dataset, features: Array, random_state: int) -> Call[Array]:
        """The probability of each class, (n, classes); one of which no row was learned has 0."""

        def compute() -> Array:
            fitted = self._fitted(training, random_state)
            shares = np.zeros((len(features), training.classes or 0))
            shares[:, fitted.classes_] = fitted.predict_proba(features)
            return shares

        return Call(compute, self.cost_of(training, len(features)))

    def _fitted(self, training: Dataset, random_state: int) -> Any:
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # how many steps there are is a field
            return self.made(random_state).fit(training.features, training.targets)

    @abstractmethod
    def _cost(self, rows: int, features: int, classes: int, asked: int) -> Cost: ...


class TreeEstimator(Classifier):
    """scikit-learn's ``DecisionTreeClassifier``: one tree of all features (Breiman et al. 1984)."""

    kind: Literal["decision_tree"] = "decision_tree"
    max_depth: Count | None = None
    """How deep it may be (``None``: until its leaves are pure)."""
    min_samples_leaf: Count = 1
    """How many rows a leaf has at least."""

    def made(self, random_state: int) -> Any:
        """A tree, of which ``random_state`` decides ties between splits."""
        from sklearn.tree import DecisionTreeClassifier

        return DecisionTreeClassifier(
            max_depth=self.max_depth, min_samples_leaf=self.min_samples_leaf, random_state=random_state
        )

    def _cost(self, rows: int, features: int, classes: int, asked: int) -> Cost:
        """That of a forest of one tree, whose splits are chosen from all features."""
        tree = Growth(trees=1, max_features=1.0, max_depth=self.max_depth, min_samples_leaf=self.min_samples_leaf)
        return tree.cost(rows, features, classes, 1) + tree.predicting_cost(asked, rows, classes, 1)


class NeighboursEstimator(Classifier):
    """scikit-learn's ``KNeighborsClassifier``: the most frequent label among the nearest, of several the first."""

    kind: Literal["nearest_neighbours"] = "nearest_neighbours"
    neighbours: Count = 5
    """How many are heard."""

    def made(self, random_state: int) -> Any:
        """Neighbours; nothing is drawn."""
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(n_neighbors=self.neighbours)

    def _cost(self, rows: int, features: int, classes: int, asked: int) -> Cost:
        """Every distance, 3 operations a feature, a comparison, and the votes."""
        if self.neighbours > rows:
            raise ValueError(f"neighbours must be at most the {rows} rows that are learned from, got {self.neighbours}")
        flops = asked * (rows * (3 * features + 1) + self.neighbours + classes)
        return Cost(flops=float(flops), bytes=float(NUMBER_BYTES * (asked + rows) * features))


class BayesEstimator(Classifier):
    """scikit-learn's ``GaussianNB``: a normal law for each feature of each class."""

    kind: Literal["naive_bayes"] = "naive_bayes"
    smoothing: Positive = 1e-9
    """Which share of the largest variance is added to all (scikit-learn's ``var_smoothing``)."""

    def made(self, random_state: int) -> Any:
        """Normal laws; nothing is drawn."""
        from sklearn.naive_bayes import GaussianNB

        return GaussianNB(var_smoothing=self.smoothing)

    def _cost(self, rows: int, features: int, classes: int, asked: int) -> Cost:
        """A mean and a variance, 4 operations for each number, and for each law and row asked 4 more."""
        return Cost(
            flops=float(4 * features * (rows + asked * classes)),
            bytes=float(NUMBER_BYTES * features * (2 * rows + asked + 2 * classes)),
        )


class LogisticEstimator(Classifier):
    """scikit-learn's ``LogisticRegression``: softmax regression with a ridge penalty, by L-BFGS."""

    kind: Literal["logistic_regression"] = "logistic_regression"
    c: Positive = 1.0
    """What an error costs beside the penalty."""
    steps: Count = 100
    """How many steps it may make (scikit-learn's ``max_iter``); it ends earlier where the gradient is small."""

    def made(self, random_state: int) -> Any:
        """Weights of zero; nothing is drawn."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.c, max_iter=self.steps)

    def _cost(self, rows: int, features: int, classes: int, asked: int) -> Cost:
        """As many gradients as there may be steps, 4 operations for each number and class, and the answers."""
        products = self.steps * 2 * rows + asked
        return Cost(
            flops=float(2 * products * (features + 1) * classes),
            bytes=float(NUMBER_BYTES * (self.steps * rows + asked) * (features + 1 + classes)),
        )


CLASSIFIERS = (TreeEstimator, NeighboursEstimator, BayesEstimator, LogisticEstimator)
