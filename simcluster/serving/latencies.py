"""What a server expects of its own latency, for whoever probes it."""

from __future__ import annotations

from collections import deque

_REMEMBERED = 64
_ALIKE = 5


class Latencies:
    """The last latencies of a server, each with how many requests it had when that one came.

    Source: Wydrowski et al., "Load is not what you should balance: introducing Prequal", NSDI 2024, section 4.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)

    def add(self, requests: int, latency_s: float) -> None:
        """A request has been answered that found so many before it."""
        self._last.append((requests, latency_s))

    def expected_s(self, requests: int) -> float | None:
        """The median of those that found about as many; ``None`` before the first answer."""
        if not self._last:
            return None
        alike = sorted(reversed(self._last), key=lambda each: abs(each[0] - requests))[:_ALIKE]
        found_s = sorted(latency_s for _, latency_s in alike)
        return (found_s[(len(found_s) - 1) // 2] + found_s[len(found_s) // 2]) / 2
