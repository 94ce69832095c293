"""A Poisson process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from simcluster.engine import Environment, Event, Positive, Program, Spec

_BLOCK = 512  # gaps that are drawn at once: the same as one at a time, at a tenth of the cost


class Poisson(Spec):
    """Queries come independently of each other and of all else."""

    kind: Literal["poisson"] = "poisson"
    per_s: Positive
    """How many come in a second, in the mean."""

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """One after each exponential gap."""
        while True:
            for gap_s in generator.exponential(1 / self.per_s, _BLOCK).tolist():
                yield env.timeout(gap_s)
                ask()
