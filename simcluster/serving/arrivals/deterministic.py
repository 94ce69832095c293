"""Arrivals like clockwork."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from simcluster.engine import Environment, Event, Positive, Program, Spec


class Deterministic(Spec):
    """Queries come at equal distances (the D of D/M/1), the first after one of them."""

    kind: Literal["deterministic"] = "deterministic"
    per_s: Positive
    """How many come in a second."""

    def run(self, env: Environment, ask: Callable[[], Event], generator: np.random.Generator) -> Program:
        """One after the other."""
        began_s, number = env.now, 0
        while True:
            number += 1
            yield env.timeout(max(0.0, began_s + number / self.per_s - env.now))  # so that no error adds up
            ask()
