"""Aggregation that may remember something from step to step."""

from __future__ import annotations

from typing import Any

from simcluster.learning import Array, Call
from simcluster.training.protocols import Aggregation


def aggregated(rule: Aggregation, values: Array, rows: Array, memory: Array) -> Call[tuple[Array, Array]]:
    """The total (p,) of contributions (m, p), and what the rule remembers then; ``memory`` is empty at first."""
    if hasattr(rule, "after"):
        remembering: Any = rule
        return remembering.after(values, rows, memory)  # type: ignore[no-any-return]
    found = rule(values, rows)
    return Call(lambda: (found(), memory), found.cost)
