"""How long contributions take to come, for rules that go by it."""

from __future__ import annotations

import math
from itertools import accumulate, zip_longest

import simpy


class Waits:
    """When each worker's contribution to each of the last ``window`` steps has come."""

    def __init__(self, env: simpy.Environment, window: int) -> None:
        self._env, self._window = env, window
        self._began_s: dict[int, float] = {}
        self._came_s: dict[int, dict[str, float]] = {}

    def begin(self, step: int) -> None:
        """A step begins; one that began ``window`` steps ago is forgotten."""
        self._began_s[step], self._came_s[step] = self._env.now, {}
        self._began_s.pop(step - self._window, None)
        self._came_s.pop(step - self._window, None)

    def hear(self, worker: str, step: int) -> None:
        """A contribution has come, in time or not."""
        if step in self._came_s:
            self._came_s[step].setdefault(worker, self._env.now - self._began_s[step])

    def mean_s(self) -> tuple[float, ...]:
        """How long the first takes in the mean, the second, and so on, none less than the one before."""
        found = []
        for column in zip_longest(*(list(came.values()) for came in self._came_s.values())):
            heard = [wait_s for wait_s in column if wait_s is not None]
            found.append(math.fsum(heard) / len(heard))
        return tuple(accumulate(found, max))
