"""A node's processor: cores that compute, first come first served, at a speed that may change midway."""

from __future__ import annotations

from collections import deque
from typing import Any

from simpy.events import Event

from simcluster.engine import Environment, Record, ScheduledCall, fire


class Work:
    """One computation: its result, already known, and the seconds at speed 1 that it still takes."""

    __slots__ = ("begin_s", "completion", "done", "remaining_s", "result", "since_s")

    def __init__(self, done: Event, result: Any, seconds: float) -> None:
        self.done = done
        self.result = result
        self.remaining_s = seconds
        self.begin_s = 0.0
        self.since_s = 0.0
        self.completion: ScheduledCall | None = None


class Processor:
    """Cores that take computations in order of submission; ``speed`` 0 means that they stand still."""

    def __init__(self, env: Environment, name: str, cores: int, speed: float, record: Record) -> None:
        self._env = env
        self._name = name
        self._cores = cores
        self._speed = speed
        self._record = record
        self._ready: deque[Work] = deque()
        self._running: dict[Work, None] = {}

    @property
    def queue_length(self) -> int:
        """Computations that are running or waiting for a core."""
        return len(self._ready) + len(self._running)

    @property
    def speed(self) -> float:
        """Seconds of work done on each core in one second."""
        return self._speed

    def submit(self, done: Event, result: Any, seconds: float) -> None:
        """Compute for ``seconds`` at speed 1, then let ``done`` happen with ``result``."""
        work = Work(done, result, seconds)
        if len(self._running) < self._cores:
            self._start(work)
        else:
            self._ready.append(work)

    def set_speed(self, speed: float) -> None:
        """Go on at another speed; what is running keeps the work that it has done."""
        if speed == self._speed:
            return
        for work in self._running:
            self._settle(work)
        self._speed = speed
        for work in self._running:
            self._continue(work)

    def clear(self) -> None:
        """Lose everything that is running or waiting."""
        for work in self._running:
            if work.completion is not None:
                work.completion.cancel()
        self._running.clear()
        self._ready.clear()

    def _start(self, work: Work) -> None:
        work.begin_s = self._env.now
        self._running[work] = None
        self._continue(work)

    def _continue(self, work: Work) -> None:
        work.since_s = self._env.now
        if self._speed > 0:
            work.completion = self._env.call_later(work.remaining_s / self._speed, self._complete, work)

    def _settle(self, work: Work) -> None:
        if work.completion is not None:
            work.completion.cancel()
            work.completion = None
            work.remaining_s = max(0.0, work.remaining_s - (self._env.now - work.since_s) * self._speed)

    def _complete(self, work: Work) -> None:
        del self._running[work]
        if self._ready:
            self._start(self._ready.popleft())
        self._record(self._name, work.begin_s)
        fire(work.done, work.result)
