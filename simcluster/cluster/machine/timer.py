"""Timers: events at a fixed time on a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.cluster.waiting import Waiters
from simcluster.engine import Event, ScheduledCall, fire

if TYPE_CHECKING:
    from simcluster.cluster.network.endpoint import Endpoint


class Timer(Event):
    """An event ``delay_s`` from now by its node's oscillator, unless the node crashes.

    While nobody awaits it, it is in no event queue.
    """

    def __init__(self, node: Endpoint, delay_s: float) -> None:
        env = node.env
        super().__init__(env)
        self._node = node
        self._crashes = node.crashes
        self.at_s = env.now + float(delay_s) if node.true_clock else node.clock.due_s(delay_s)
        self._stretch = node.stretch
        self._call: ScheduledCall | None = None
        self.callbacks = Waiters(self)

    def begin(self) -> None:
        """Somebody begins to wait: take a place in the event queue."""
        if self._call is None:
            env = self._node.env
            if self._stretch != self._node.stretch:
                self.at_s = self._node.clock.renewed_s(self.at_s, self._stretch)
                self._stretch = self._node.stretch
            self._call = env.call_later(max(0.0, self.at_s - env.now), self._expire)

    def cease(self) -> None:
        """Nobody waits any more: leave the event queue."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _expire(self, _: object) -> None:
        node = self._node
        if self._crashes != node.crashes:
            return
        if node.runs:
            fire(self)
        else:
            node.when_up(self._happen)

    def _happen(self) -> None:
        if self.callbacks is not None:
            fire(self)


def check_seconds(name: str, value: Any) -> None:
    """Raise unless ``value`` is a number of seconds, at least 0."""
    if not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number of seconds, got {value!r}")
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0, got {value}")
