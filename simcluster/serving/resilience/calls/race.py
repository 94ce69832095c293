"""A race of copies of one call: the first answer counts, and the others are given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simpy import Interrupt
from simpy.events import AnyOf

from simcluster.cluster import UNANSWERED, Failure
from simcluster.engine import Event, Program

if TYPE_CHECKING:
    from simcluster.serving.shard_call import ShardCall

Asks = Sequence[Callable[[], Program]]


def race(call: ShardCall, asks: Asks, within_s: float | None = None, gap_s: float | None = None) -> Program:
    """The first answer to any of ``asks``, in a tuple of one; ``None`` when there is none ``within_s``.

    The first begins at once, each other when ``gap_s`` more have passed (``None``: when those before have failed).
    Raises the last failure when all have failed. What is under way at the end is given up.
    """
    env, left, running, failure = call.node.env, list(asks), [], None
    over = call.node.timer(within_s) if within_s is not None else None
    try:
        while True:
            if left and (not running or next_one is None or next_one.processed):
                running.append(call.start(_outcome(left.pop(0))))
                next_one = call.node.timer(gap_s) if left and gap_s is not None else None
            watched: list[Event] = [*running, *(event for event in (next_one if left else None, over) if event)]
            yield AnyOf(env, watched)
            for copy in [copy for copy in running if copy.processed]:
                running.remove(copy)
                answer, failure = copy.value
                if failure is None:
                    return answer
            if over is not None and over.processed:
                return None
            if not running and (failure is not None) and not (left and failure.definite is not None and gap_s is None):
                raise failure
    except Interrupt:
        raise
    finally:
        pass


def _outcome(ask: Callable[[], Program]) -> Program:
    """What an attempt comes to: its answer, or its failure."""
    try:
        return ((yield from ask()),), None
    except UNANSWERED as failure:
        return None, failure
