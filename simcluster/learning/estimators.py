"""An estimator of scikit-learn: softmax regression by the same mathematics, on one machine.

It stands outside of what ``simcluster.learning`` imports, for it derives from scikit-learn's classes, whose import
takes longer than a small run.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from simcluster.engine import check_whole
from simcluster.learning.dataset import Dataset
from simcluster.learning.models import Softmax
from simcluster.learning.standardisation import merged, moments, scaling
from simcluster.learning.trained_model import TrainedModel

try:
    from sklearn.utils.validation import validate_data as _validated
except ImportError:  # scikit-learn 1.5, where it is a method

    def _validated(estimator: Any, *args: Any, **options: Any) -> Any:
        return estimator._validate_data(*args, **options)


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Softmax regression by plain gradient descent over all rows, on standardised features, from weights of zero.

    ``steps`` of W ← W − η·∇L with η = 1/L, where L = λ/2 + ``l2`` bounds the curvature of the objective and λ is the
    largest eigenvalue of XᵀX/n, X with its column of ones (Böhning, "Multinomial logistic regression algorithm", 1992):
    the objective falls in every step. It is what a cluster computes with full batches and this step size. ``trained_``
    is the model.
    """

    def __init__(self, l2: float = 1e-4, steps: int = 300) -> None:
        self.l2 = l2
        self.steps = steps

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from features (n, d) and labels (n,).

        Raises ``ValueError`` for fewer than two classes, for ``steps`` that are no whole number of at least 1, and for
        an ``l2`` that is no finite number of at least 0.
        """
        check_whole("steps", self.steps, 1)
        if isinstance(self.l2, bool) or not isinstance(self.l2, int | float) or not 0 <= self.l2 < math.inf:
            raise ValueError(f"l2 must be a finite number of at least 0, got {self.l2!r}")
        features, labels = _validated(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, targets = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must have at least 2 classes, got {len(self.classes_)} class: {self.classes_}")
        raw = Dataset(features, targets, len(self.classes_))
        scaled = scaling(merged([moments(raw.all)()]))
        data, model = scaled.standardised(raw), Softmax(l2=self.l2)
        weights = np.zeros((features.shape[1] + 1, len(self.classes_)))
        curvature = np.linalg.norm(data.with_ones, 2) ** 2 / len(data) / 2 + self.l2
        for _ in range(self.steps):
            total = model.contribution(weights, data.all)()
            weights = weights - model.gradient(weights, total, float(len(data))) / curvature
        self.n_iter_ = self.steps
        self.trained_ = TrainedModel(model, weights, scaled, len(self.classes_))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each row."""
        likely = self.predict_proba(X)
        return np.asarray(self.classes_[likely.argmax(axis=1)])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probability of each of ``classes_``, (n, k)."""
        check_is_fitted(self)
        return self.trained_.predict_proba(_validated(self, X, dtype=np.float64, reset=False))
