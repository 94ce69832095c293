"""SimPy's environment, and the few things that a cluster asks of an event loop beyond SimPy's own API."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy
from simpy.events import PENDING, Condition, Event, Process

Program = Generator[Event, Any, Any]


class ScheduledCall(simpy.Timeout):
    """One call that the loop will make; it can be cancelled until then."""

    def __init__(
        self, env: simpy.Environment, delay_s: float, function: Callable[[Any], object], argument: object
    ) -> None:
        super().__init__(env, delay_s)
        self._function = function
        self._argument = argument
        self.callbacks.append(self._call)

    def _call(self, _: Event) -> None:
        self._function(self._argument)

    def cancel(self) -> None:
        """Make the call not happen; after it happened this does nothing."""
        if self.callbacks is not None:
            self.callbacks.clear()


class Environment(simpy.Environment):
    """SimPy's environment, which can also make plain calls later."""

    def call_later(self, delay_s: float, function: Callable[[Any], object], argument: object = None) -> ScheduledCall:
        """Call ``function(argument)`` after ``delay_s`` seconds, in the place a timeout made now would have."""
        return ScheduledCall(self, delay_s, function, argument)

    @property
    def idle(self) -> bool:
        """Whether nothing is left that anybody would notice."""
        return not any(event.callbacks for _, _, _, event in self._queue)


def fire(event: Event, value: object = None) -> None:
    """Let ``event`` happen now, within the event that is being processed, with ``value``."""
    event._ok = True
    event._value = value
    callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
    for callback in callbacks:
        callback(event)


def fail(event: Event, exception: Exception) -> None:
    """Let ``event`` fail now with ``exception``, which is raised into whoever awaits it, now or later.

    Unlike SimPy's ``event.fail`` it is no error when nobody does: a request whose program has turned to
    something else may still time out.
    """
    event._ok = False
    event._value = exception
    event._defused = True
    callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
    for callback in callbacks:
        callback(event)


def awaited(event: Event) -> bool:
    """Whether somebody would notice ``event``: a process, a callback, or an undecided condition that is awaited."""
    for callback in event.callbacks or ():
        owner = getattr(callback, "__self__", None)
        if not isinstance(owner, Condition):
            return True
        if owner is not event and owner._value is PENDING and awaited(owner):
            return True
    return False


def kill(process: Process) -> Program:
    """Stop ``process`` for ever, without a word to it: no exception, no ``finally``, as when the power fails.

    The process never happens as an event and can no longer be interrupted. Its suspended generator is returned;
    whoever holds on to it decides when Python may clean it up.
    """
    generator = process._generator
    process._generator = _Killed(process.env)  # type: ignore[assignment]
    process._ok, process._value = True, None
    process._defused = True
    target = process._target
    if target is not None and target.callbacks is not None and process._resume in target.callbacks:
        target.callbacks.remove(process._resume)
    return generator


class _Killed:
    """What stands for a killed process's generator if an event that is just being processed still resumes it."""

    __name__ = "killed"

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env

    def send(self, value: object) -> Event:
        return Event(self._env)

    def throw(self, exception: BaseException) -> Event:
        return Event(self._env)
