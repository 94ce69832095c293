"""Max-min fair rates of fluid flows over shared links: of a set at once, or of a table that changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import simcluster.kernels._flow as _flow
from simcluster.kernels.reference import Floats, Integers


def max_min(capacities: Floats, starts: Integers, links: Integers) -> Floats:
    """Max-min fair rates: no flow can gain without a flow losing that has no more than it.

    *capacities* (l,) float64 of the links, at least 0, infinite where a link limits nobody. Flow i passes
    ``links[starts[i]:starts[i + 1]]``; *starts* (n + 1,) and *links* int64. Returns the rates (n,), infinite
    for a flow that no link limits. O(Σ route length · log links) by progressive filling. Raises TypeError for another
    dtype, ValueError for a negative capacity, an unknown link or one that a flow passes twice, or starts
    that do not run from 0 up to the length of links. Source: Bertsekas & Gallager, Data Networks, 6.5.2.
    """
    return _flow.max_min(capacities, starts, links)  # type: ignore[no-any-return]


class Flows(Protocol):
    """A table of flows in numbered slots whose rates are made max-min fair again after changes.

    ``fill`` computes anew only what the changes since the last one can have touched. Flows start at an
    infinite rate, which counts from the next ``fill``: always fill before a later ``now``.
    """

    def add(self, links: Integers, size: float, now: float) -> int:
        """Let a flow of *size* bytes pass *links*, each once, and return its slot."""
        ...

    def remove(self, slot: int, now: float) -> float:
        """Empty a slot and return the bytes that its flow had not sent."""
        ...

    def remove_all(self, slots: Integers) -> None:
        """Empty several slots at once, which costs each of their links no more than one does."""
        ...

    def set_capacity(self, link: int, value: float) -> None:
        """Change the capacity of a link; at 0 its flows stand still."""
        ...

    def fill(self, now: float) -> None:
        """Make the rates fair again and compute from them when each flow will have sent its bytes."""
        ...

    def earliest(self) -> float:
        """When the first flow will have sent its bytes; infinity when none ever will."""
        ...

    def due(self, until: float) -> list[int]:
        """The slots whose flows will have sent their bytes by *until*, in order of slot."""
        ...

    def unsent(self, slot: int, now: float) -> float:
        """Bytes that a flow has still to send."""
        ...

    def rates(self, slots: Sequence[int] | Integers) -> Floats:
        """The rates of the flows in *slots*, as the last ``fill`` made them."""
        ...

    def load(self, link: int) -> float:
        """The sum of the rates of the flows on a link."""
        ...


def flows(capacities: Floats) -> Flows:
    """An empty table of flows over links of these capacities (l,), each at least 0 and possibly infinite."""
    return _flow.Flows(capacities)  # type: ignore[no-any-return]
