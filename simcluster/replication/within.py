"""A time limit for steps, after which they are given up and closed."""

from __future__ import annotations

from typing import Any

from simcluster.cluster import Node, TimedOut
from simcluster.engine import Event, Program


def within(timeout_s: float, node: Node, steps: Program) -> Program:
    """The value of ``steps``, which are given up and closed, as ``TimedOut``, when they take longer."""
    expiry = node.timer(timeout_s)
    try:
        event = next(steps)
        while True:
            try:
                yield event | expiry
            except Exception as failure:  # whatever the event has failed with is for the steps to handle
                event = steps.throw(failure)
                continue
            if not event.triggered:
                break
            # What has failed in the very moment in which the time is up ends no condition.
            given: Any = event.value
            event = steps.send(given) if event.ok else steps.throw(given)
    except StopIteration as end:
        return end.value
    steps.close()
    if event.callbacks is not None:
        event.callbacks.append(_defuse)
    raise TimedOut(f"an operation was not over within {timeout_s} s")


def _defuse(event: Event) -> None:
    """Nobody awaits it any more, so its failure is nobody's error."""
    event._defused = True
