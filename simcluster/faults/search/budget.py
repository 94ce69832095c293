"""The fault budget: at most so many nodes down at once; unless it is said how many, a majority stays up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import TypeVar

from simcluster.engine import check_whole
from simcluster.faults.fault import Fault
from simcluster.faults.target import Machine, expand

F = TypeVar("F", bound=Fault)


@dataclass(frozen=True, slots=True)
class Violation:
    """A time during which more nodes are down than a budget allows; ``end_s`` is infinite when it has no end."""

    begin_s: float
    end_s: float
    down: tuple[str, ...]
    at_most: int

    def __str__(self) -> str:
        when = f"from {self.begin_s:g} s to {self.end_s:g} s"
        return f"at most {self.at_most} nodes may be down at once, {when} there are {len(self.down)}: {list(self.down)}"


def budget(f: int | None, nodes: Sequence[Machine], field: str = "f") -> int:
    """At most how many of ``nodes`` may be down at once: ``f``, by default as many as leave a majority up.

    Raises ``ValueError`` for fewer than none and for more than there are.
    """
    if f is None:
        return (len(nodes) - 1) // 2
    check_whole(field, f)
    if f > len(nodes):
        raise ValueError(f"{field} must be within [0, {len(nodes)} nodes], got {f}")
    return f


def budget_exceeded(
    schedule: Sequence[Fault], nodes: Sequence[Machine], f: int | None = None
) -> tuple[Violation, ...]:
    """When, and by which nodes, a schedule has more than ``f`` of ``nodes`` down at once (``None``: half or more).

    A node is down while a crash or the loss of its rack lasts; one that begins when another ends does not overlap it.
    ``nodes`` are names, or specifications where the schedule names racks or zones. Raises ``ValueError`` when
    ``f`` is below 0 or above their number, or for an unknown node.
    """
    f = budget(f, nodes)
    downs = [(fault.begin_s, _end_s(fault), expand(fault.takes_down, nodes)) for fault in schedule]
    times = sorted({time_s for begin_s, end_s, names in downs if names for time_s in (begin_s, end_s)})
    found: list[Violation] = []
    for begin_s, end_s in pairwise(times):
        now_down = {name for since_s, until_s, names in downs if since_s <= begin_s < until_s for name in names}
        down = tuple(name for name in expand(["*"], nodes) if name in now_down)
        if len(down) <= f:
            continue
        if found and found[-1].end_s == begin_s and found[-1].down == down:
            begin_s = found.pop().begin_s
        found.append(Violation(begin_s, end_s, down, f))
    return tuple(found)


def within_budget(schedule: Sequence[F], nodes: Sequence[Machine], f: int | None = None) -> tuple[F, ...]:
    """The schedule without the faults that would exceed the budget: in order of time, each is kept if it still fits.

    Raises ``ValueError`` as ``budget_exceeded`` does, and when a fault alone takes more than ``f`` nodes down, so
    that no schedule that has it can keep to the budget.
    """
    f = budget(f, nodes)
    kept: list[F] = []
    for fault in sorted(schedule, key=lambda fault: fault.begin_s):
        names = expand(fault.takes_down, nodes)
        if len(names) > f:
            rule = f"a fault must take at most f = {f} nodes down"
            raise ValueError(f"{rule}, got {type(fault).__name__} of {list(names)[:12]}")
        down = {
            name
            for other in kept
            if other.begin_s <= fault.begin_s < _end_s(other)
            for name in expand(other.takes_down, nodes)
        }
        if not names or len(down.union(names)) <= f:
            kept.append(fault)
    return tuple(kept)


def _end_s(fault: Fault) -> float:
    return inf if fault.end_s is None else fault.end_s
