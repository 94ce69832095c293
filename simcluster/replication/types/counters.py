"""Counters that many increment apart: each client's own total is counted once, however often it arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from simcluster.cluster import Node
from simcluster.engine import Spec
from simcluster.replication.protocols import Operation

Totals = tuple[tuple[int, int], ...]
"""How much each session has counted so far, by the number of its first operation, in their order."""


def _most(one: Totals, other: Totals) -> Totals:
    """Of each session the greater total."""
    most = dict(one)
    for session, total in other:
        most[session] = max(total, most.get(session, 0))
    return tuple(sorted(most.items()))


def _next(operation: Operation, memory: dict[str, Any]) -> Totals:
    """The total of this session under the key, with what this operation adds."""
    if not operation.value >= 0:
        raise ValueError(f"an {operation.f} must be of at least 0, got {operation.value}")
    session = memory.setdefault("session", operation.number)
    totals: dict[tuple[str | None, str], int] = memory.setdefault("totals", {})
    total = totals[operation.key, operation.f] = totals.get((operation.key, operation.f), 0) + operation.value
    return ((session, total),)


class GCounter(Spec):
    """A counter that only grows: the sum of what each session has counted (Shapiro et al. 2011, section 3.1.1)."""

    kind: Literal["g_counter"] = "g_counter"

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return ("read", "increment")

    @property
    def empty(self) -> Totals:
        """Nobody has counted."""
        return ()

    @property
    def reads_first(self) -> bool:
        """A session's own total is its own."""
        return False

    def prepare(self, operation: Operation, seen: Any, memory: dict[str, Any], node: Node) -> Any:
        """The session's total."""
        return _next(operation, memory)

    def update(self, state: Any, f: str, body: Any) -> Any:
        """With the session's total."""
        return _most(state, body)

    def merge(self, one: Any, other: Any) -> Any:
        """Of each session the greater total."""
        return _most(one, other)

    def value(self, state: Any) -> int:
        """The count."""
        return _sum(dict(state))

    def operations_in(self, state: Any) -> Sequence[int]:
        """None: totals do not tell."""
        return ()


class PnCounter(Spec):
    """A counter that grows and shrinks: two that only grow (Shapiro et al. 2011, section 3.1.2)."""

    kind: Literal["pn_counter"] = "pn_counter"

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return ("read", "increment", "decrement")

    @property
    def empty(self) -> tuple[Totals, Totals]:
        """Nobody has counted."""
        return (), ()

    @property
    def reads_first(self) -> bool:
        """A session's own totals are its own."""
        return False

    def prepare(self, operation: Operation, seen: Any, memory: dict[str, Any], node: Node) -> Any:
        """The session's total, up or down."""
        return _next(operation, memory)

    def update(self, state: Any, f: str, body: Any) -> Any:
        """With the session's total, up or down."""
        up, down = state
        return (_most(up, body), down) if f == "increment" else (up, _most(down, body))

    def merge(self, one: Any, other: Any) -> Any:
        """Of each session the greater totals."""
        return _most(one[0], other[0]), _most(one[1], other[1])

    def value(self, state: Any) -> int:
        """The count."""
        return _sum(dict(state[0])) - _sum(dict(state[1]))

    def operations_in(self, state: Any) -> Sequence[int]:
        """None: totals do not tell."""
        return ()


def _sum(totals: Mapping[int, int]) -> int:
    return sum(totals.values())
