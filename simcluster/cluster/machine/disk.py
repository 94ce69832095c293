"""A disk as a device: one head that serves operations in order, at a speed that may change midway."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from simcluster.cluster.failure import Failure
from simcluster.cluster.machine.slowdown import Slowdowns
from simcluster.engine import Environment, Event, ScheduledCall

Work = Generator[tuple[float, float], None, Any]
"""What an operation does: once its turn comes it yields (the seconds that it takes, the bytes that it moves); when
those have passed it changes the disk and returns its result. It raises a ``Failure`` or ``KeyError`` at either."""


@dataclass(slots=True, eq=False)
class Operation:
    """Something that the disk was asked to do, and the event by which its program hears of it."""

    name: str
    key: str
    work: Work
    done: Event
    size_bytes: float = 0.0
    begin_s: float | None = None  # until its turn comes


Tell = Callable[[Operation, Any, Exception | None], None]
"""Takes an operation that is over, and its result or why it failed."""


class Disk:
    """Operations are served first come first served; each that is over is told to ``tell``."""

    def __init__(self, env: Environment, tell: Tell) -> None:
        self._env = env
        self._tell = tell
        self._queue: deque[Operation] = deque()  # the first of them is being served
        self._refused: Exception | None = None  # why the first will fail, known when its turn came
        self._end: ScheduledCall | None = None
        self._seconds = 0.0
        self._left_s = 0.0  # of those seconds, at full speed, when it was `_since_s`
        self._since_s = 0.0
        self._slowdowns = Slowdowns()
        self._slowness = 1.0

    @property
    def at_baseline(self) -> bool:
        """Whether nothing slows the disk."""
        return not self._slowdowns

    @property
    def queue_length(self) -> int:
        """Operations that are being served or wait."""
        return len(self._queue)

    def submit(self, operation: Operation) -> None:
        """Serve an operation after those that wait."""
        self._queue.append(operation)
        if len(self._queue) == 1:
            self._begin()

    def slow(self, key: object, factor: float) -> None:
        """Take ``factor`` times longer until ``quicken(key)``; what is under way keeps what has been done."""
        if not (factor > 0 and math.isfinite(factor)):
            raise ValueError(f"factor must be finite and greater than 0, got {factor}")
        self._slowdowns.begin(key, factor)
        self._adjust()

    def quicken(self, key: object) -> None:
        """Take back one slow-down."""
        self._slowdowns.end(key)
        self._adjust()

    def stop(self) -> tuple[list[Operation], float]:
        """Forget all operations: they are returned, and for how many seconds at full speed the first was served."""
        stopped = list(self._queue)
        if self._end is not None:
            self._end.cancel()
            self._end = None
        self._queue.clear()
        return stopped, (self._seconds - self._remaining_s() if stopped else 0.0)

    def _begin(self) -> None:
        operation = self._queue[0]
        operation.begin_s = self._env.now
        self._refused, self._seconds = None, 0.0
        try:
            self._seconds, operation.size_bytes = next(operation.work)
        except (Failure, KeyError) as refused:
            self._refused = refused
        self._left_s = self._seconds
        self._schedule()

    def _schedule(self) -> None:
        self._since_s = self._env.now
        self._end = self._env.call_later(self._left_s * self._slowness, self._complete)

    def _remaining_s(self) -> float:
        return max(0.0, self._left_s - (self._env.now - self._since_s) / self._slowness)

    def _adjust(self) -> None:
        """Go on at the speed that all slow-downs together give."""
        if self._end is not None:
            self._end.cancel()
            self._left_s = self._remaining_s()
        self._slowness = self._slowdowns.product
        if self._end is not None:
            self._schedule()

    def _complete(self, _: object) -> None:
        operation, failure, result = self._queue.popleft(), self._refused, None
        self._end = None
        if failure is None:
            try:
                next(operation.work)
            except StopIteration as end:
                result = end.value
            except (Failure, KeyError) as error:
                failure = error
        if self._queue:
            self._begin()
        self._tell(operation, result, failure)
