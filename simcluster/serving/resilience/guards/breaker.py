"""Circuit breakers: who has failed is left alone for a while, and then asked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from simcluster.engine import Period, Spec
from simcluster.serving.resilience.guards.trips import AnyTrip, ConsecutiveFailures
from simcluster.serving.resilience.protocols import Guarding, Tripping

Say = Callable[[str, str], object]


class CircuitBreaker(Spec):
    """A server whose calls fail is asked nothing for ``open_s``; then one probe decides whether it is asked again.

    Closed, all calls pass. When the ``trip`` says so it opens: none passes. After ``open_s`` it is half-open: one call
    passes; if that is answered it closes, and if not it opens anew. Source: M. Nygard, Release It!, 2007, chapter 5.
    """

    kind: Literal["circuit_breaker"] = "circuit_breaker"
    cause: ClassVar[str] = "breaker_open"
    trip: AnyTrip = ConsecutiveFailures()
    """After what it opens."""
    open_s: Period = 1.0
    """How long it stays open."""

    def begin(self, say: Say) -> Guarding:
        """All servers' are closed; ``say(server, state)`` is called at each change."""
        return _Breakers(self, say)


class _Breakers:
    """A breaker for each server that has been called."""

    def __init__(self, spec: CircuitBreaker, say: Say) -> None:
        self._spec = spec
        self._say = say
        self._of: dict[str, _Breaker] = {}

    def admits(self, server: str, shard: int, now_s: float) -> bool:
        """Whether a call passes."""
        breaker = self._of.get(server)
        return breaker is None or breaker.admits(now_s)

    def sent(self, server: str, shard: int, now_s: float) -> None:
        """A call has passed."""
        if server not in self._of:
            self._of[server] = _Breaker(self._spec, server, self._say)
        self._of[server].sent(now_s)

    def ended(self, server: str, shard: int, now_s: float, sent_s: float, outcome: str) -> None:
        """A call has ended; one that was given up because another was faster says nothing of the server."""
        self._of[server].ended(now_s, sent_s, outcome)


class _Breaker:
    """The three states of one server's breaker."""

    def __init__(self, spec: CircuitBreaker, server: str, say: Say) -> None:
        self._spec, self._server, self._say = spec, server, say
        self._tripping: Tripping = spec.trip.begin()
        self._since_s: float | None = None  # when it opened, None while it is closed
        self._probe_s: float | None = None  # when the probe was sent that is under way

    def admits(self, now_s: float) -> bool:
        if self._since_s is None:
            return True
        return self._probe_s is None and now_s >= self._since_s + self._spec.open_s

    def sent(self, now_s: float) -> None:
        if self._since_s is not None:
            self._probe_s = now_s
            self._say(self._server, "half_open")

    def ended(self, now_s: float, sent_s: float, outcome: str) -> None:
        given_up = outcome in ("cancelled", "withdrawn")
        failed = outcome != "answered" and not given_up
        if self._since_s is None:
            if not given_up and self._tripping.heard(failed, now_s):
                self._open(now_s)
        elif self._probe_s is not None and sent_s >= self._probe_s:  # what was sent before it opened is no probe
            self._probe_s = None
            if outcome == "answered":
                self._since_s, self._tripping = None, self._spec.trip.begin()
                self._say(self._server, "closed")
            elif failed:
                self._open(now_s)

    def _open(self, now_s: float) -> None:
        self._since_s = now_s
        self._say(self._server, "open")
