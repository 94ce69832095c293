"""What a search may tune, and an ensemble hear: forests, softmax regression, kernel machines."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from simcluster.engine import Count, NotNegative, Open, Positive, Spec
from simcluster.learning import Array, Call, Cost, Dataset
from simcluster.learning.cross_validation import Floats, Integers, accuracy_cost, split, train, training_cost
from simcluster.learning.support_vectors import KernelSolver, Vectors, separating_cost
from simcluster.learning.trees.trees import Forest, Growth
from simcluster.scheduling.protocols import Estimator, Learner
from simcluster.scheduling.work.search.classifiers import CLASSIFIERS


class ForestEstimator(Growth):
    """scikit-learn's random forest: accuracy for labels, R² for numbers."""

    kind: Literal["random_forest"] = "random_forest"

    def score(self, training: Dataset, held_back: Dataset, random_state: int) -> Call[float]:
        """The score on ``held_back`` of the forest of this ``random_state`` that is grown on ``training``.

        Raises ``ValueError`` for a single row of numbers to be scored on.
        """
        self.check_scored(len(held_back), training.classes)
        cost = self._whole_cost(training, len(held_back))
        return Call(lambda: self._forest(training, random_state).score(held_back), cost)

    def predict(self, training: Dataset, features: Array, random_state: int) -> Call[Integers]:
        """The most probable label of each row, of several the first."""
        cost = self._whole_cost(training, len(features))
        return Call(lambda: self._forest(training, random_state).predict(features), cost)

    def probabilities(self, training: Dataset, features: Array, random_state: int) -> Call[Array]:
        """The mean of what the trees say."""
        cost = self._whole_cost(training, len(features))
        return Call(lambda: self._forest(training, random_state).probabilities(features), cost)

    def _forest(self, training: Dataset, random_state: int) -> Forest:
        return Forest(self.grow(training, self.seeds(random_state))(), training.classes)

    def _whole_cost(self, training: Dataset, asked: int) -> Cost:
        rows, features = training.features.shape
        growing = self.cost(rows, features, training.classes, self.trees)
        return growing + self.predicting_cost(asked, rows, training.classes, self.trees)


class SoftmaxEstimator(Spec):
    """Softmax regression by gradient descent from zero, on features standardised by those that are learned from."""

    kind: Literal["softmax"] = "softmax"
    learning_rate: Positive = 0.3
    """How long a step is."""
    l2: NotNegative = 0.0
    """The penalty on the squared weights."""
    steps: Count = 30
    """How many steps there are."""

    def score(self, training: Dataset, held_back: Dataset, random_state: int) -> Call[float]:
        """The accuracy on ``held_back``, or 0 where the descent diverged; nothing is drawn.

        Raises ``ValueError`` for targets that are no labels.
        """
        learned = self._learned(training, held_back.features)

        def compute() -> float:
            weights, said = learned()
            right = np.argmax(said, axis=1) == held_back.targets
            return float(np.mean(right)) if np.isfinite(weights).all() else 0.0

        return Call(compute, learned.cost)

    def predict(self, training: Dataset, features: Array, random_state: int) -> Call[Integers]:
        """The most probable label of each row, of several the first; it raises what ``probabilities`` does."""
        learned = self._learned(training, features)
        return Call(lambda: np.argmax(self._finite(*learned()), axis=1), learned.cost)

    def probabilities(self, training: Dataset, features: Array, random_state: int) -> Call[Array]:
        """The probability of each class; nothing is drawn. Raises ``ValueError`` for targets that are no labels.

        The call raises it where the descent diverged.
        """
        learned = self._learned(training, features)
        sharing = Cost(flops=4.0, bytes=16.0) * float(len(features) * (training.classes or 0))

        def compute() -> Array:
            said = self._finite(*learned())
            grown = np.exp(said - said.max(axis=1, keepdims=True))
            return np.asarray(grown / grown.sum(axis=1, keepdims=True))

        return Call(compute, learned.cost + sharing)

    def _finite(self, weights: Floats, said: Floats) -> Floats:
        if not np.isfinite(weights).all():
            raise ValueError(f"learning_rate must be so small that the weights stay finite, got {self.learning_rate}")
        return said

    def _learned(self, training: Dataset, features: Array) -> Call[tuple[Floats, Floats]]:
        """The weights, and what they say of each class for rows of ``features``, (n, classes), not yet as shares."""
        if training.classes is None:
            raise ValueError("softmax regression must learn labels, got targets that are none")
        classes, rows = training.classes, len(training)
        unknown = np.zeros(len(features), dtype=np.int64)
        both = Dataset(np.vstack([training.features, features]), np.concatenate([training.targets, unknown]), classes)
        cut = split(both, np.arange(rows, len(both)))

        def compute() -> tuple[Floats, Floats]:
            examples, asked = cut()
            with np.errstate(over="ignore", invalid="ignore"):
                weights = train(examples, classes, self.learning_rate, self.l2, self.steps)()
                return weights, np.asarray(asked.features @ weights)

        columns = both.features.shape[1] + 1
        cost = training_cost(rows, columns, classes, self.steps) + accuracy_cost(len(features), columns, classes)
        return Call(compute, cut.cost + cost)


class KernelEstimator(KernelSolver):
    """scikit-learn's kernel support vector machine, one against one."""

    kind: Literal["kernel_svm"] = "kernel_svm"

    def score(self, training: Dataset, held_back: Dataset, random_state: int) -> Call[float]:
        """The accuracy on ``held_back``; nothing is drawn. Raises ``ValueError`` for targets that are no labels."""
        told = self.predict(training, held_back.features, random_state)
        return Call(lambda: float(np.mean(told() == held_back.targets)), told.cost)

    def predict(self, training: Dataset, features: Array, random_state: int) -> Call[Integers]:
        """The label of each row, as ``score``; there are no probabilities, which scikit-learn fits beside it."""
        if training.classes is None:
            raise ValueError("a kernel machine must learn labels, got targets that are none")
        rows, columns = training.features.shape
        solve = self.solve(Vectors(np.arange(rows), training.features, training.targets), self.width(training))

        def compute() -> Integers:
            machine = solve()
            if machine is None:
                return np.full(len(features), training.targets[0])
            return machine.predict(features)

        return Call(compute, solve.cost + separating_cost(len(features), rows, columns, training.classes))


AnyEstimator = Annotated[Estimator, Open(Estimator, ForestEstimator, SoftmaxEstimator, KernelEstimator, *CLASSIFIERS)]
"""One of these, or one's own; in a file ``kind`` says which."""
AnyLearner = Annotated[Learner, Open(Learner, ForestEstimator, SoftmaxEstimator, KernelEstimator, *CLASSIFIERS)]
"""What an ensemble may hear: one of these, or one's own."""
