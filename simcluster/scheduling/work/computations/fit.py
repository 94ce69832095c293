"""A fit of an estimator, scikit-learn's or one's own, on rows that each task draws for itself."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.learning import AnyData, Bundled, Call
from simcluster.scheduling.protocols import Computed
from simcluster.scheduling.work.learning.held_out import Share, hold_out
from simcluster.scheduling.work.search.classifiers import TreeEstimator
from simcluster.scheduling.work.search.estimators import AnyEstimator

NUMBER_BYTES = 8


class Fit(Spec):
    """Learns from rows and scores those held out, another split for each task; its value is a tuple of scores.

    The scores are its own, and then those of the values that it takes. What scale a task has does not matter: a fit
    costs what the estimator says.
    """

    kind: Literal["fit"] = "fit"
    estimator: AnyEstimator = TreeEstimator()
    """What learns."""
    data: AnyData = Bundled(name="iris")
    """The data that it learns from."""
    held_out: Share = 0.2
    """The share of rows that is held out, and scored."""

    def __call__(self, name: str, scale: float, generator: np.random.Generator) -> Computed:
        """The computation of a task; which rows are held out is drawn now."""
        state = int(generator.integers(2**31))
        cut = hold_out(self.data.load(0), self.held_out, state, 0)
        score = self.estimator.score(cut.training, cut.held_out, state)
        return Computed(partial(_run, score), score.cost, float(NUMBER_BYTES))


def _run(score: Call[float], *values: Any) -> Call[tuple[float, ...]]:
    def compute() -> tuple[float, ...]:
        return (score(), *(each for value in values for each in value[:1]))

    return Call(compute, score.cost)
