"""Orders: who of those who wait is next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from simcluster.engine import Count, Open, Spec
from simcluster.serving.resilience.protocols import Order, Waiting


def first_come(waiting: Sequence[Waiting], now_s: float) -> int:
    """Who has waited longest."""
    return 0


def last_come(waiting: Sequence[Waiting], now_s: float) -> int:
    """Who has come last, and is most likely to want an answer still."""
    return len(waiting) - 1


def earliest_deadline(waiting: Sequence[Waiting], now_s: float) -> int:
    """Whose deadline is first; those who have none come last, in order of arrival."""
    due_s = [math.inf if one.deadline_s is None else one.deadline_s for one in waiting]
    return due_s.index(min(due_s))


class AdaptiveLifo(Spec):
    """First come, first served, but last come first while more than ``longer_than`` wait.

    Source: B. Maurer, "Fail at scale", ACM Queue 13(8), 2015.
    """

    kind: Literal["adaptive_lifo"] = "adaptive_lifo"
    longer_than: Count = 10
    """Up to how long a queue is served in order."""

    def __call__(self, waiting: Sequence[Waiting], now_s: float) -> int:
        """The first or the last."""
        return len(waiting) - 1 if len(waiting) > self.longer_than else 0


AnyOrder = Annotated[
    Order,
    Open(Order, AdaptiveLifo, first_come=first_come, last_come=last_come, earliest_deadline=earliest_deadline),
]
"""One of the orders above, or one's own; in a file ``kind`` says which."""
