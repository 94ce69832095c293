"""How many cores are free when, by what runs and what is reserved."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right


class Profile:
    """Free cores over time, a step function; it may be asked for the first gap of some width and length.

    Finding a gap, and taking one, costs as much as there are steps from there on.
    """

    def __init__(self, cores: int) -> None:
        self._times_s = [-math.inf]
        self._free = [cores]

    def earliest_s(self, cores: int, duration_s: float, from_s: float) -> float:
        """From when on so many cores are free for so long: infinite, where they never are."""
        place = bisect_right(self._times_s, from_s) - 1
        begin_s = from_s
        while place < len(self._times_s):
            end_s = self._times_s[place + 1] if place + 1 < len(self._times_s) else math.inf
            if self._free[place] < cores:
                begin_s = end_s
            elif begin_s + duration_s <= end_s:
                return begin_s
            place += 1
        return math.inf

    def take(self, cores: int, begin_s: float, end_s: float) -> None:
        """Have that many cores fewer in that time, but for what is forgotten; where ``cores`` is negative, more."""
        begin_s = max(begin_s, self._times_s[0])
        if not begin_s < end_s:
            return
        first = self._step(begin_s)
        for place in range(first, self._step(end_s) if end_s < math.inf else len(self._free)):
            self._free[place] -= cores

    def forget(self, before_s: float) -> None:
        """Let go of the past."""
        past = bisect_right(self._times_s, before_s) - 1
        del self._times_s[:past], self._free[:past]

    def _step(self, time_s: float) -> int:
        """Where the step that begins at this time stands; it is made where there is none."""
        place = bisect_left(self._times_s, time_s)
        if place == len(self._times_s) or self._times_s[place] != time_s:
            self._times_s.insert(place, time_s)
            self._free.insert(place, self._free[place - 1])
        return place
