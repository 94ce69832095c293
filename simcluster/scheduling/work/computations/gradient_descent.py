"""Steps of gradient descent, each a call of a kernel, on rows that each task draws for itself."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Count, Positive, Spec, stream
from simcluster.learning import Array, Call, Cost
from simcluster.learning.cross_validation import Examples, train, training_cost
from simcluster.scheduling.protocols import Computed

NUMBER_BYTES = 8


class GradientSteps(Spec):
    """Trains softmax regression on rows of the task's own; its value is the mean of its weights and those it takes.

    The rows are normal, two classes a unit apart in every feature. A task of scale s takes s times ``steps`` steps,
    rounded, at least one.
    """

    kind: Literal["gradient_steps"] = "gradient_steps"
    rows: Annotated[Count, Field(ge=2)] = 100
    """How many rows each task has."""
    features: Count = 10
    """How many features each row has."""
    steps: Count = 10
    """How many steps a task of scale 1 takes."""
    learning_rate: Annotated[float, Field(gt=0, le=1e3), NUMBER] = 0.1
    """How far each of them goes."""
    l2: Positive = 1e-3
    """The penalty on the squared weights."""

    def __call__(self, name: str, scale: float, generator: np.random.Generator) -> Computed:
        """The computation of a task, whose rows are drawn as it is called for the first time, from a seed drawn now."""
        seed, steps = int(generator.integers(2**63)), max(1, round(scale * self.steps))
        cost = self._cost(steps)
        run = partial(self._run, seed, steps, cost)
        return Computed(run, cost, float(NUMBER_BYTES * 2 * (self.features + 1)))

    def _cost(self, steps: int) -> Cost:
        return training_cost(self.rows, self.features + 1, 2, steps)

    def _run(self, seed: int, steps: int, cost: Cost, *values: Any) -> Call[Array]:
        def compute() -> Array:
            own = train(self._examples(seed), 2, self.learning_rate, self.l2, steps)()
            mean: Array = np.mean([own, *values], axis=0)
            return mean

        return Call(compute, cost)

    def _examples(self, seed: int) -> Examples:
        generator = stream(seed, "scheduling", "rows")
        labels = np.arange(self.rows) % 2
        features = generator.standard_normal((self.rows, self.features)) + labels[:, None]
        return Examples(np.hstack([features, np.ones((self.rows, 1))]), labels)
