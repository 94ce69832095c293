"""Plain SimPy with what a cluster needs besides: the specification of ``kernels.events``."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Generator
from types import MethodType
from typing import TYPE_CHECKING, Any

import simpy
from simpy.core import SimTime, StopSimulation
from simpy.events import PENDING, AllOf, AnyOf, Condition, Event, EventPriority, _describe_frame
from simpy.resources.base import BaseResource

__all__ = [
    "Environment",
    "Event",
    "Process",
    "ScheduledCall",
    "Timeout",
    "awaited",
    "cancel",
    "fail_now",
    "fire",
    "kill",
]

#: Fewer cancelled entries than this are not worth a sweep.
SWEEP_FLOOR = 64

#: The callbacks of requests by which their resource serves the next.
_TRIGGERS = (BaseResource._trigger_put, BaseResource._trigger_get)


class Environment(simpy.Environment):
    """SimPy's environment with ``call_later``, whose cancelled timers do not move the clock.

    ``before_s`` is the time of the last event before the present moment. Where ``events_per_instant`` is not 0, so
    many events that have happened may a process yield in a row.
    """

    def __init__(self, initial_time: SimTime = 0) -> None:
        super().__init__(initial_time)
        self._cancelled = 0
        self.before_s = float(initial_time)
        self.events_per_instant = 0
        # SimPy binds these early for speed, but not for subclasses.
        for name, cls in {
            "process": Process,
            "timeout": Timeout,
            "event": Event,
            "all_of": AllOf,
            "any_of": AnyOf,
        }.items():
            setattr(self, name, MethodType(cls, self))

    if TYPE_CHECKING:

        def process(self, generator: Generator[simpy.Event, Any, Any]) -> Process:
            """Creates a process."""

        @property
        def active_process(self) -> Process | None:
            """The process that runs now."""

    def call_later(
        self, delay: SimTime, function: Callable[[Any], object], argument: Any = None
    ) -> ScheduledCall:
        """Calls ``function(argument)`` after *delay*, in the place of a timeout that is made now.

        Returns a handle whose ``cancel()`` takes the call back. Raises ValueError if *delay* is
        negative.
        """
        return ScheduledCall(self, delay, function, argument)

    def run(self, until: SimTime | Event | None = None) -> Any:
        """Processes events until a time, an event, or none are left, as SimPy does, but not until NaN."""
        if isinstance(until, float) and math.isnan(until):
            raise ValueError(f"until ({until}) must be greater than the current simulation time")
        return super().run(until)

    def peek(self) -> SimTime:
        """Returns the time of the next scheduled event, or infinity if there is none."""
        self._drop_cancelled()
        return super().peek()

    def step(self) -> None:
        """Processes the next event. Raises EmptySchedule if there is none."""
        if self._cancelled:
            self._drop_cancelled()
        if self._queue and self._queue[0][0] != self._now:
            self.before_s = float(self._now)
        super().step()

    def steps(self, count: int) -> None:
        """Processes the next *count* events. Raises EmptySchedule if there are fewer."""
        for _ in range(count):
            self.step()

    def _drop_cancelled(self) -> None:
        while self._cancelled and self._queue and _is_cancelled(self._queue[0][3]):
            heapq.heappop(self._queue)
            self._cancelled -= 1

    def _note_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled >= SWEEP_FLOOR and 2 * self._cancelled > len(self._queue):
            self._queue[:] = [entry for entry in self._queue if not _is_cancelled(entry[3])]
            heapq.heapify(self._queue)
            self._cancelled = 0


class Process(simpy.Process):
    """SimPy's process, which says so when it yields for ever what has happened, see ``Environment``."""

    def _resume(self, event: Event) -> None:
        env, following, passed = self.env, event, 0
        env._active_proc = self
        while True:
            try:
                if following._ok:
                    following = self._generator.send(following._value)
                else:
                    following._defused = True
                    copy = type(following._value)(*following._value.args)
                    copy.__cause__ = following._value
                    following = self._generator.throw(copy)
            except BaseException as end:
                ended = isinstance(end, StopIteration)
                if not ended and end.__traceback__ is not None:
                    end.__traceback__ = end.__traceback__.tb_next
                self._ok, self._value = ended, (next(iter(end.args), None) if ended else end)
                following = None  # type: ignore[assignment]
                env.schedule(self)
                break
            try:
                if following.callbacks is not None:
                    following.callbacks.append(self._resume)
                    break
            except AttributeError:
                if hasattr(following, "callbacks"):
                    raise
                frame = _describe_frame(self._generator.gi_frame)  # type: ignore[attr-defined]
                error: Any = RuntimeError(f'\n{frame}Invalid yield value "{following}"')
                error.yielded = (self, following)
                raise error from None
            passed += 1
            if passed == getattr(env, "events_per_instant", 0):
                rule = "a process must not yield for ever what has happened"
                self._ok, self._value = False, RuntimeError(f"{rule}, got {passed} times in a row")
                following = None
                env.schedule(self)
                break
        self._target = following
        env._active_proc = None


def _is_cancelled(event: Event) -> bool:
    return getattr(event, "_is_cancelled", False)


class Timeout(simpy.Timeout):
    """SimPy's, whose delay is a number."""

    def __init__(self, env: simpy.Environment, delay: SimTime, value: Any = None) -> None:
        if delay != delay:
            raise ValueError(f"delay must be a number of at least 0, got {delay}")
        super().__init__(env, delay, value)


class ScheduledCall(Timeout):
    """The handle of a call that is to be made, see ``Environment.call_later``."""

    def __init__(
        self, env: Environment, delay: SimTime, function: Callable[[Any], object], argument: Any
    ) -> None:
        if not callable(function):
            raise TypeError(f"{function} is not callable")
        super().__init__(env, delay)
        self.function = function
        self.argument = argument
        self.callbacks.append(self._call)

    def _call(self, _: Event) -> None:
        self.function(self.argument)

    @property
    def pending(self) -> bool:
        """Whether the call is still to be made."""
        return not (self.processed or _is_cancelled(self))

    def cancel(self) -> bool:
        """Takes the call back. Returns whether it was still to be made."""
        return cancel(self)


def cancel(timeout: Timeout) -> bool:
    """Takes *timeout* off the schedule: it never happens, and whoever waits for it waits forever.

    Returns whether it was still to happen.
    """
    if timeout.processed or _is_cancelled(timeout):
        return False
    timeout._is_cancelled = True  # type: ignore[attr-defined]
    if isinstance(timeout, ScheduledCall):
        timeout.callbacks = []
    timeout.env._note_cancelled()  # type: ignore[attr-defined]
    return True


def fire(event: Event, value: Any = None) -> None:
    """Lets *event* happen now, inside what is being processed, with *value*: nothing is scheduled.

    Its callbacks have been called when this returns; a process that waited has run up to its next
    wait. The active process is again what it was. A run that waits for the event stops as soon as
    the present event is done. Raises RuntimeError if the event has already been triggered.
    """
    if event._value is not PENDING:
        raise RuntimeError(f"{event} has already been triggered")
    event._ok = True
    event._value = value
    _happen_now(event)


def fail_now(event: Event, exception: BaseException) -> None:
    """Lets *event* fail now with *exception*, in the way of ``fire``.

    Raises a copy of it if no callback defuses the event, TypeError if *exception* is not an
    exception, RuntimeError if the event has already been triggered.
    """
    if event._value is not PENDING:
        raise RuntimeError(f"{event} has already been triggered")
    if not isinstance(exception, BaseException):
        raise TypeError(f"{exception} is not an exception.")
    event._ok = False
    event._value = exception
    _happen_now(event)
    if not event.defused:
        copy = type(exception)(*exception.args)
        copy.__cause__ = exception
        raise copy


def _happen_now(event: Event) -> None:
    env = event.env
    active = env._active_proc
    callbacks = event.callbacks
    if any(_is_stop(callback) for callback in callbacks):
        stop = Event(env)
        stop._ok, stop._value = event._ok, event._value
        stop.callbacks = [StopSimulation.callback]
        env.schedule(stop, EventPriority(-1))
        callbacks = [callback for callback in callbacks if not _is_stop(callback)]
    event.callbacks = None  # type: ignore[assignment]
    try:
        for callback in callbacks:
            callback(event)
    finally:
        env._active_proc = active


def _is_stop(callback: Callable[[Event], object]) -> bool:
    return type(callback) is MethodType and callback.__self__ is StopSimulation


class _Killed:
    """What stands in for the generator of a killed process: it only ever waits."""

    def __init__(self, process: Process) -> None:
        self.__name__ = process.name
        self.never = Event(process.env)

    def send(self, _: object) -> Event:
        """Waits for what never happens."""
        return self.never

    throw = send


def kill(process: Process) -> Any:
    """Stops *process* for good: neither what it waits for nor an interrupt resumes or starts it.

    Nothing is thrown into its generator, which is returned, suspended where it was: who keeps it
    decides when it is closed. The process remains alive in SimPy's sense, since it neither returned
    nor failed, so nobody who waits for it learns anything. The active process may be killed; it
    runs up to its next yield, and what it raises until then is nobody's error. Returns None if there
    was nothing to kill.
    """
    generator = process._generator
    if not process.is_alive or isinstance(generator, _Killed):
        return None
    stand_in = _Killed(process)
    process._generator = stand_in  # type: ignore[assignment]
    process._defused = True
    if process.env.active_process is not process:
        callbacks = process._target.callbacks
        if callbacks is not None and process._resume in callbacks:
            callbacks.remove(process._resume)
    # Pending interruptions take the process away from its target, and then resume it.
    stand_in.never.callbacks.append(process._resume)
    process._target = stand_in.never
    return generator


def awaited(event: Event) -> bool:
    """Says whether anybody really waits for *event*.

    A process does unless it was killed, and a callback of any other kind does, but not that by
    which a resource serves the next. A condition counts if it is itself awaited and has not been
    triggered: after that it has no use for its other events.
    """
    for callback in event.callbacks or ():
        owner = getattr(callback, "__self__", None)
        if getattr(callback, "__func__", None) in _TRIGGERS:
            continue
        if isinstance(owner, Process) and isinstance(owner._generator, _Killed):
            continue
        if isinstance(owner, Condition) and (
            callback.__name__ == "_build_value" or owner.triggered or not awaited(owner)
        ):
            continue
        return True
    return False
