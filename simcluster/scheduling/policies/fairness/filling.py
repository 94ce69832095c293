"""Progressive filling: who gets how many tasks of several resources at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heapreplace


def dominant_share(taken: Sequence[float], capacity: Sequence[float]) -> float:
    """The largest of the shares of the resources that are taken; of a resource that there is none of nothing counts."""
    return max((part / whole for part, whole in zip(taken, capacity, strict=True) if whole), default=0.0)


def progressive_filling(
    capacity: Sequence[float], demands: Mapping[str, Sequence[float]], weights: Mapping[str, float] | None = None
) -> dict[str, int]:
    """How many tasks each user gets of resources that can be divided at will, by dominant resource fairness.

    ``demands`` are those of a task of each user, of each resource, in the order of ``capacity``; each has as many
    tasks as fit. Whoever has the smallest dominant share, divided by the weight, gets the next task, of several the
    one who has waited longest for one; who no longer fits gets none any more, and the others go on.

    Source: A. Ghodsi, M. Zaharia, B. Hindman, A. Konwinski, S. Shenker, I. Stoica, "Dominant resource fairness: fair
    allocation of multiple resource types", NSDI 2011, algorithm 1, and section 4.3 for weights.

    Raises ``ValueError`` for a demand of nothing, which would never be full.
    """
    for user, demand in demands.items():
        if len(demand) != len(capacity) or min(demand) < 0 or not any(demand):
            rule = f"a demand must be {len(capacity)} numbers of at least 0, and not all 0"
            raise ValueError(f"{rule}, got {tuple(demand)} of {user!r}")
    left = list(capacity)
    given = dict.fromkeys(demands, 0)
    next_up = [(0.0, place, user) for place, user in enumerate(demands)]
    heapify(next_up)
    turn = len(next_up)
    while next_up:
        _, _, user = next_up[0]
        if any(part > rest for part, rest in zip(demands[user], left, strict=True)):
            heappop(next_up)
            continue
        left = [rest - part for rest, part in zip(left, demands[user], strict=True)]
        given[user] += 1
        taken = [given[user] * part for part in demands[user]]
        share = dominant_share(taken, capacity) / (weights or {}).get(user, 1.0)
        heapreplace(next_up, (share, turn, user))
        turn += 1
    return given
