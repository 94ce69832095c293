"""A node's processor: cores that compute at a speed that may change midway."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Protocol

from simcluster.engine import Environment, Event, ScheduledCall, Trace, fire


class Processor(Protocol):
    """Does computations; ``speed`` is the seconds of work that a core does in one second, 0 when it stands still."""

    @property
    def queue_length(self) -> int:
        """Computations that are running or waiting for a core."""
        ...

    @property
    def busy_s(self) -> float:
        """How long cores have been occupied, all together, but for what a crash or a kill has taken away."""
        ...

    @property
    def speed(self) -> float:
        """Seconds of work that a core does in one second."""
        ...

    def submit(self, done: Event, result: Any, seconds: float, owner: object = None) -> None:
        """Compute for ``seconds`` at speed 1, then let ``done`` happen with ``result``."""
        ...

    def compute(self, result: Any, seconds: float, owner: object = None) -> Event:
        """Compute for ``owner``, or the process that asks now: an event, which then happens with ``result``."""
        ...

    def compute_then(
        self, function: Callable[[Any, Any], object], argument: Any, result: Any, seconds: float, owner: object = None
    ) -> None:
        """Compute for ``owner``, or the process that asks now, then call ``function(argument, result)``."""
        ...

    def set_speed(self, speed: float) -> None:
        """Go on at another speed; what is running keeps the work that it has done."""
        ...

    def progress(self, owner: object) -> float | None:
        """Which share of its work the computation of an owner has behind it that has least; ``None`` without any."""
        ...

    def cancel(self, owner: object) -> None:
        """Give up the computations of one owner."""
        ...

    def clear(self) -> None:
        """Lose everything that is running or waiting."""
        ...


class Work:
    """One computation: its result, already known, and the seconds at speed 1 that it takes, and still takes."""

    __slots__ = ("begin_s", "completion", "done", "owner", "remaining_s", "result", "since_s", "work_s")

    def __init__(self, done: Event, result: Any, seconds: float, owner: object) -> None:
        self.done = done
        self.result = result
        self.work_s = self.remaining_s = seconds
        self.owner = owner
        self.begin_s = 0.0
        self.since_s = 0.0
        self.completion: ScheduledCall | None = None


class Disciplined:
    """What every processor in plain Python does for the process that runs."""

    _env: Environment

    def submit(self, done: Event, result: Any, seconds: float, owner: object = None) -> None:
        """Compute for ``seconds`` at speed 1, then let ``done`` happen with ``result``."""
        raise NotImplementedError

    def compute(self, result: Any, seconds: float, owner: object = None) -> Event:
        """Compute for ``owner``, or the process that asks now: an event, which then happens with ``result``."""
        done = Event(self._env)
        self.submit(done, result, seconds, self._env.active_process if owner is None else owner)
        return done

    def compute_then(
        self, function: Callable[[Any, Any], object], argument: Any, result: Any, seconds: float, owner: object = None
    ) -> None:
        """Compute for ``owner``, or the process that asks now, then call ``function(argument, result)``."""

        def over(done: Event) -> None:
            function(argument, done._value)

        self.compute(result, seconds, owner).callbacks.append(over)


class FirstComeFirstServed(Disciplined):
    """Each core does one computation at a time; the others wait in order of submission."""

    def __init__(self, env: Environment, name: str, cores: int, speed: float, trace: Trace) -> None:
        self._env = env
        self._name = name
        self._cores = cores
        self._speed = speed
        self._record = trace.recorder("compute", "node", "begin_s")
        self._record_abandoned = trace.recorder("abandoned", "node", "begin_s")
        self._ready: deque[Work] = deque()
        self._running: dict[Work, None] = {}
        self._done_s = 0.0  # core-seconds of the computations that are over

    @property
    def queue_length(self) -> int:
        """Computations that are running or waiting for a core."""
        return len(self._ready) + len(self._running)

    @property
    def busy_s(self) -> float:
        """How long cores have been occupied, all together, but for what a crash or a kill has taken away."""
        busy_s = self._done_s
        for work in self._running:
            busy_s += self._env.now - work.begin_s
        return busy_s

    @property
    def speed(self) -> float:
        """Seconds of work that a core does in one second."""
        return self._speed

    def submit(self, done: Event, result: Any, seconds: float, owner: object = None) -> None:
        """Compute for ``seconds`` at speed 1, then let ``done`` happen with ``result``."""
        work = Work(done, result, seconds, owner)
        if len(self._running) >= self._cores:
            self._ready.append(work)
            return
        work.begin_s = work.since_s = float(self._env.now)
        self._running[work] = None
        if self._speed > 0:
            work.completion = self._env.call_later(seconds / self._speed, self._complete, work)

    def progress(self, owner: object) -> float | None:
        """Which share of its work the computation of an owner has behind it that has least; ``None`` without any."""
        if any(work.owner is owner for work in self._ready):
            return 0.0
        shares = [self._share(work) for work in self._running if work.owner is owner]
        return min(shares, default=None)

    def _share(self, work: Work) -> float:
        left_s = work.remaining_s
        if self._env.now > work.since_s:
            left_s = max(0.0, left_s - (self._env.now - work.since_s) * self._speed)
        return 1.0 - left_s / work.work_s if work.work_s > 0 else 1.0

    def set_speed(self, speed: float) -> None:
        """Go on at another speed; what is running keeps the work that it has done."""
        if speed == self._speed:
            return
        for work in self._running:
            self._settle(work)
        self._speed = speed
        for work in self._running:
            self._continue(work)

    def cancel(self, owner: object) -> None:
        """Give up the computations of one owner; the cores go on to what waits."""
        self._ready = deque(work for work in self._ready if work.owner is not owner)
        for work in [work for work in self._running if work.owner is owner]:
            if work.completion is not None:
                work.completion.cancel()
            del self._running[work]
            self._record_abandoned(self._name, work.begin_s)
            if self._ready:
                self._start(self._ready.popleft())

    def clear(self) -> None:
        """Lose everything that is running or waiting."""
        for work in self._running:
            if work.completion is not None:
                work.completion.cancel()
            self._record_abandoned(self._name, work.begin_s)
        self._running.clear()
        self._ready.clear()

    def _start(self, work: Work) -> None:
        work.begin_s = float(self._env.now)
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
            if self._env.now > work.since_s:  # the speed may be infinite, and 0 × ∞ is no work done
                work.remaining_s = max(0.0, work.remaining_s - (self._env.now - work.since_s) * self._speed)

    def _complete(self, work: Work) -> None:
        del self._running[work]
        self._done_s += self._env.now - work.begin_s
        if self._ready:
            self._start(self._ready.popleft())
        self._record(self._name, work.begin_s)
        fire(work.done, work.result)


class ProcessorSharing(Disciplined):
    """All computations run at once and share the cores equally, none faster than one core (egalitarian PS).

    Work is measured in virtual time, the seconds of work done on each running computation, so a computation ends
    at a virtual time that is known when it begins, and a change costs O(log n).
    """

    def __init__(self, env: Environment, name: str, cores: int, speed: float, trace: Trace) -> None:
        self._env = env
        self._name = name
        self._cores = cores
        self._speed = speed
        self._record = trace.recorder("compute", "node", "begin_s")
        self._record_abandoned = trace.recorder("abandoned", "node", "begin_s")
        self._virtual_s = 0.0
        self._since_s = env.now
        self._serial = count()
        self._running: list[tuple[float, int, Work]] = []
        self._next: ScheduledCall | None = None
        self._busy_s = 0.0

    @property
    def queue_length(self) -> int:
        """Computations that are running."""
        return len(self._running)

    @property
    def busy_s(self) -> float:
        """How long cores have been occupied, all together."""
        return self._busy_s + self._passing_s()

    @property
    def speed(self) -> float:
        """Seconds of work that a core does in one second."""
        return self._speed

    def submit(self, done: Event, result: Any, seconds: float, owner: object = None) -> None:
        """Compute for ``seconds`` at speed 1, then let ``done`` happen with ``result``."""
        self._settle()
        work = Work(done, result, seconds, owner)
        work.begin_s = float(self._env.now)
        heappush(self._running, (self._virtual_s + seconds, next(self._serial), work))
        self._plan()

    def progress(self, owner: object) -> float | None:
        """Which share of its work the computation of an owner has behind it that has least; ``None`` without any."""
        virtual_s = self._virtual_s
        if self._running and self._env.now > self._since_s:
            virtual_s += (self._env.now - self._since_s) * self._rate
        shares = [
            1.0 - max(0.0, end_s - virtual_s) / work.work_s if work.work_s > 0 else 1.0
            for end_s, _, work in self._running
            if work.owner is owner
        ]
        return min(shares, default=None)

    def set_speed(self, speed: float) -> None:
        """Go on at another speed; what is running keeps the work that it has done."""
        if speed != self._speed:
            self._settle()
            self._speed = speed
            self._plan()

    def cancel(self, owner: object) -> None:
        """Give up the computations of one owner; the others share what it had."""
        self._settle()
        self._abandon(entry for entry in self._running if entry[2].owner is owner)
        self._running = [entry for entry in self._running if entry[2].owner is not owner]
        heapify(self._running)
        self._plan()

    def clear(self) -> None:
        """Lose everything that is running."""
        self._abandon(self._running)
        self._running.clear()
        self._plan()

    def _abandon(self, entries: Iterable[tuple[float, int, Work]]) -> None:
        for _, _, work in sorted(entries, key=lambda entry: entry[1]):
            self._record_abandoned(self._name, work.begin_s)

    @property
    def _rate(self) -> float:
        """Seconds of work done on each running computation in one second."""
        return self._speed * min(1.0, self._cores / len(self._running)) if self._running else 0.0

    def _settle(self) -> None:
        if self._running and self._env.now > self._since_s:  # the speed may be infinite
            self._virtual_s += (self._env.now - self._since_s) * self._rate
        self._pass()

    def _pass(self) -> None:
        """Time has passed."""
        self._busy_s += self._passing_s()
        self._since_s = self._env.now

    def _passing_s(self) -> float:
        """Core-seconds since then: as many cores are occupied as there are computations."""
        return (self._env.now - self._since_s) * min(self._cores, len(self._running))

    def _plan(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._running and self._rate > 0:
            remaining_s = max(0.0, self._running[0][0] - self._virtual_s)
            self._next = self._env.call_later(remaining_s / self._rate, self._complete)

    def _complete(self, _: object) -> None:
        self._next = None
        self._pass()
        end_s, _, work = heappop(self._running)
        self._virtual_s = end_s
        self._plan()
        self._record(self._name, work.begin_s)
        fire(work.done, work.result)
