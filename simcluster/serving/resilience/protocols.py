"""What resilience is made of: waits, budgets, guards of servers, and who waits for a server's cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np


class Backoff(Protocol):
    """How long to wait before the next attempt; a plain function serves."""

    def __call__(self, attempt: int, previous_s: float, generator: np.random.Generator) -> float:
        """Seconds to wait when ``attempt`` have failed, at least 1; ``previous_s`` were waited last, 0 at first."""
        ...


class Purse(Protocol):
    """What is left of a budget."""

    def earn(self, now_s: float) -> None:
        """A call begins."""
        ...

    def spend(self, now_s: float) -> bool:
        """Take what one more copy of a call costs, if it is there, and say whether it was."""
        ...


class Budget(Protocol):
    """How many copies of calls there may be beside the first."""

    def begin(self) -> Purse:
        """What there is when nothing has been called."""
        ...


class Latencies(Protocol):
    """What a hedge remembers of how long calls took."""

    def heard(self, latency_s: float) -> None:
        """A call has been answered."""
        ...

    def delay_s(self) -> float | None:
        """After how long another copy is sent; ``None``: not yet known, so none."""
        ...


class HedgeDelay(Protocol):
    """After how long another copy is sent."""

    def begin(self) -> Latencies:
        """Nothing has been heard."""
        ...


class Tripping(Protocol):
    """What a circuit breaker remembers while it is closed."""

    def heard(self, failed: bool, now_s: float) -> bool:
        """A call has ended; whether the breaker opens now."""
        ...


class Trip(Protocol):
    """After what a circuit breaker opens."""

    def begin(self) -> Tripping:
        """Nothing has been heard."""
        ...


class Guarding(Protocol):
    """A guard at work."""

    def admits(self, server: str, shard: int, now_s: float) -> bool:
        """Whether a server may be asked now; it changes nothing."""
        ...

    def sent(self, server: str, shard: int, now_s: float) -> None:
        """A server is asked, which all guards have admitted."""
        ...

    def ended(self, server: str, shard: int, now_s: float, sent_s: float, outcome: str) -> None:
        """What was sent at ``sent_s`` has ended: "answered", "cancelled", or the cause of its failure."""
        ...


class Guard(Protocol):
    """Whether a server may be asked; ``cause`` is why not, in the word that the trace uses."""

    @property
    def cause(self) -> str:
        """Why a server is not asked."""
        ...

    def begin(self, say: Callable[[str, str], object]) -> Guarding:
        """A guard that knows nothing yet; ``say(server, state)`` records a change of state, if it has such."""
        ...


class Waiting(Protocol):
    """A request that waits at a server."""

    @property
    def came_s(self) -> float:
        """Since when."""
        ...

    @property
    def deadline_s(self) -> float | None:
        """When nobody wants its answer any more, ``None`` where the request does not say."""
        ...


class Order(Protocol):
    """Who is next; a plain function serves."""

    def __call__(self, waiting: Sequence[Waiting], now_s: float) -> int:
        """The place among ``waiting``, of which there is at least one and which stand in order of arrival."""
        ...


class Shed(Protocol):
    """A rule of shedding at work."""

    def arrives(self, length: int, free: int, now_s: float) -> bool:
        """Whether a request that finds ``length`` waiting and ``free`` cores is turned away."""
        ...

    def begins(self, waited_s: float, left: int, now_s: float) -> bool:
        """Whether one whose turn it is, and that leaves ``left`` waiting, is turned away instead."""
        ...


class Shedding(Protocol):
    """Which requests a server turns away; ``cause`` is the word that the trace uses."""

    @property
    def cause(self) -> str:
        """Why they are turned away."""
        ...

    def begin(self) -> Shed:
        """A rule that knows nothing yet."""
        ...
