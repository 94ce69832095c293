"""Clocks that stamp versions: Lamport's, the hybrid logical clock, and a machine's own, which may be wrong."""

from __future__ import annotations

from typing import Literal, Protocol

from simcluster.cluster import Node

Time = tuple[float, int]
"""What a clock says; times are compared as tuples."""
ClockKind = Literal["lamport", "hybrid", "physical"]


class StampClock(Protocol):
    """Gives times of which each is later than all that it has seen, as far as it can."""

    def tick(self) -> Time:
        """A new time."""
        ...

    def see(self, time: Time) -> None:
        """Somebody else has this time."""
        ...


class LamportClock:
    """Counts events, and is never behind what it has seen (Lamport 1978)."""

    def __init__(self, node: Node) -> None:
        self._count = 0.0

    def tick(self) -> Time:
        """One more than all times so far."""
        self._count += 1
        return self._count, 0

    def see(self, time: Time) -> None:
        """It is at least that."""
        self._count = max(self._count, time[0])


class HybridClock:
    """Lamport's clock that follows the machine's as far as that is ahead (Kulkarni et al. 2014, figure 5)."""

    def __init__(self, node: Node) -> None:
        self._clock = node.clock
        self._latest: Time = (0.0, 0)

    def tick(self) -> Time:
        """The machine's time, or, where that is not later than all so far, the latest with one more count."""
        self._latest = max((self._clock.now(), 0), (self._latest[0], self._latest[1] + 1))
        return self._latest

    def see(self, time: Time) -> None:
        """It is at least that."""
        self._latest = max(self._latest, time)


class PhysicalClock:
    """The machine's own, which believes nobody: with a wrong one a later write loses."""

    def __init__(self, node: Node) -> None:
        self._clock = node.clock

    def tick(self) -> Time:
        """What the machine's clock says."""
        return self._clock.now(), 0

    def see(self, time: Time) -> None:
        """It is none of its business."""


CLOCKS: dict[str, type[LamportClock] | type[HybridClock] | type[PhysicalClock]] = {
    "lamport": LamportClock,
    "hybrid": HybridClock,
    "physical": PhysicalClock,
}
