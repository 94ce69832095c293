"""The environment that simulations run in: the compiled loop, or plain SimPy if ``SIMCLUSTER_ENGINE=simpy``."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import simpy

ENGINES = ("compiled", "simpy")

ENGINE = os.environ.get("SIMCLUSTER_ENGINE", "compiled")
"""Which of them this process uses."""

if ENGINE not in ENGINES:
    raise ValueError(f"SIMCLUSTER_ENGINE must be one of {', '.join(ENGINES)}, got {ENGINE!r}")

if TYPE_CHECKING or ENGINE == "simpy":
    from simcluster.engine.plain import (
        Environment,
        Event,
        Process,
        ScheduledCall,
        awaited,
        fail_now,
        fire,
        kill,
    )
else:
    from simcluster.kernels.events import (
        Environment,
        Event,
        Process,
        ScheduledCall,
        awaited,
        fail_now,
        fire,
        kill,
    )

_PLAIN_RESUME = simpy.Process._resume.__code__

Program = Generator[simpy.Event, Any, Any]
"""What a process runs: a generator that yields the events it waits for."""

__all__ = [
    "ENGINE",
    "ENGINES",
    "Environment",
    "Event",
    "Process",
    "Program",
    "ScheduledCall",
    "abandon",
    "awaited",
    "fail",
    "fire",
    "idle",
    "invalid_yield",
    "kill",
    "pending_calls",
]


def fail(event: Event, exception: Exception) -> None:
    """Let ``event`` fail now with ``exception``, which is raised into whoever awaits it, now or later.

    Unlike SimPy's ``event.fail`` it is no error when nobody does: a request whose program has turned to
    something else may still time out.
    """
    event._defused = True
    fail_now(event, exception)


def abandon(event: simpy.Event) -> None:
    """Let a condition that nobody awaits any more wait for nothing, so that none of its parts can fail it.

    Its parts are as if nobody had awaited them: a timer leaves the schedule, and what fails is nobody's error. Any
    other event, one that has happened, and one that is still awaited are left alone.
    """
    left = [event]
    while left:
        condition = left.pop()
        if not isinstance(condition, simpy.events.Condition) or condition.triggered or awaited(condition):
            continue
        for part in condition._events:
            if part.callbacks and condition._check in part.callbacks:
                part.callbacks.remove(condition._check)
            left.append(part)


def invalid_yield(error: BaseException) -> tuple[Process, object] | None:
    """Which process yielded what, when ``error`` is the loop's about a value that is no event."""
    if not isinstance(error, RuntimeError) or "Invalid yield value" not in str(error):
        return None
    resumed = [frame.f_locals for frame, _ in walk_tb(error.__traceback__) if frame.f_code is _PLAIN_RESUME]
    return (resumed[-1]["self"], resumed[-1]["event"]) if resumed else getattr(error, "yielded", None)


def pending_calls(env: Environment) -> list[tuple[Callable[[Any], object], Any]]:
    """The calls that ``env`` is still to make, as (function, argument), in their order."""
    calls = [entry[3] for entry in sorted(env._queue, key=lambda entry: entry[:3])]
    return [(call.function, call.argument) for call in calls if isinstance(call, ScheduledCall) and call.pending]


def idle(env: Environment) -> bool:
    """Whether nothing is left that anybody would notice."""
    left = [entry[3] for entry in env._queue]
    return not any(event.pending if isinstance(event, ScheduledCall) else event.callbacks for event in left)
