"""What a search may tune: forests, softmax regression, kernel machines; one's own has the same two methods."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from simcluster.engine import Count, Open, Positive, Seconds, Spec
from simcluster.learning import Call, Dataset
from simcluster.learning.cross_validation import accuracy, accuracy_cost, split, train, training_cost
from simcluster.learning.support_vectors import KernelSolver, Vectors, separating_cost
from simcluster.learning.trees import Forest, Growth
from simcluster.scheduling.protocols import Estimator


class ForestEstimator(Growth):
    """scikit-learn's random forest: accuracy for labels, R² for numbers."""

    kind: Literal["random_forest"] = "random_forest"

    def score(self, training: Dataset, held_back: Dataset, random_state: int) -> Call[float]:
        """The score on ``held_back`` of the forest of this ``random_state`` that is grown on ``training``."""
        rows, features = training.features.shape
        cost = self.cost(rows, features, training.classes, self.trees)
        cost += self.predicting_cost(len(held_back), rows, training.classes, self.trees)
        return Call(lambda: self._score(training, held_back, random_state), cost)

    def _score(self, training: Dataset, held_back: Dataset, random_state: int) -> float:
        return Forest(self.grow(training, self.seeds(random_state))(), training.classes).score(held_back)


class SoftmaxEstimator(Spec):
    """Softmax regression by gradient descent from zero, on features standardised by those that are learned from."""

    kind: Literal["softmax"] = "softmax"
    learning_rate: Positive = 0.3
    """How long a step is."""
    l2: Seconds = 0.0
    """The penalty on the squared weights."""
    steps: Count = 30
    """How many steps there are."""

    def score(self, training: Dataset, held_back: Dataset, random_state: int) -> Call[float]:
        """The accuracy on ``held_back``, or 0 where the descent diverged; nothing is drawn.

        Raises ``ValueError`` for targets that are no labels.
        """
        if training.classes is None:
            raise ValueError("softmax regression must learn labels, got targets that are none")
        classes, rows = training.classes, len(training)
        both = Dataset(
            np.vstack([training.features, held_back.features]),
            np.concatenate([training.targets, held_back.targets]), classes,
        )  # fmt: skip
        cut = split(both, np.arange(rows, len(both)))

        def compute() -> float:
            learned, validated = cut()
            with np.errstate(over="ignore", invalid="ignore"):
                weights = train(learned, classes, self.learning_rate, self.l2, self.steps)()
            return accuracy(weights, validated)() if np.isfinite(weights).all() else 0.0

        columns = both.features.shape[1] + 1
        cost = training_cost(rows, columns, classes, self.steps) + accuracy_cost(len(held_back), columns, classes)
        return Call(compute, cut.cost + cost)


class KernelEstimator(KernelSolver):
    """scikit-learn's kernel support vector machine, one against one."""

    kind: Literal["kernel_svm"] = "kernel_svm"

    def score(self, training: Dataset, held_back: Dataset, random_state: int) -> Call[float]:
        """The accuracy on ``held_back``; nothing is drawn. Raises ``ValueError`` for targets that are no labels."""
        if training.classes is None:
            raise ValueError("a kernel machine must learn labels, got targets that are none")
        rows, features = training.features.shape
        solve = self.solve(Vectors(np.arange(rows), training.features, training.targets), self.width(training))

        def compute() -> float:
            machine = solve()
            told = training.targets[0] if machine is None else machine.predict(held_back.features)
            return float(np.mean(told == held_back.targets))

        return Call(compute, solve.cost + separating_cost(len(held_back), rows, features, training.classes))


AnyEstimator = Annotated[Estimator, Open(Estimator, ForestEstimator, SoftmaxEstimator, KernelEstimator)]
"""One of these, or one's own; in a file ``kind`` says which."""
