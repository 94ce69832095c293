"""A race of copies of one call: the first answer counts, and the others are given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simpy.events import AnyOf

from simcluster.cluster import Failure
from simcluster.engine import Program

if TYPE_CHECKING:
    from simcluster.serving.shard_call import Copy, ShardCall


def race(
    call: ShardCall,
    asks: Sequence[Callable[[], Program]],
    *,
    gap_s: float = 0.0,
    within_s: float | None = None,
    why: str | None = None,
    may: Callable[[], bool] = lambda: True,
) -> Program:
    """The first answer to any of ``asks``, in a tuple of one; ``None`` when there is none ``within_s``.

    Each but the first begins ``gap_s`` after the one before, for a reason ``why``, if it ``may`` then. Raises the last
    failure when all that have begun have failed. What is under way at the end is given up.
    """
    running: list[Copy] = [call.start(_outcome(asks[0]))]
    left, env = list(asks[1:]), call.node.env
    over = None if within_s is None else call.node.timer(within_s)
    following = call.node.timer(gap_s) if left else None
    while True:
        yield AnyOf(env, [*running, *(event for event in (following, over) if event is not None)])
        for copy in tuple(running):
            if copy.processed:
                running.remove(copy)
                outcome: Any = copy.value
                answered, failure = outcome
                if answered is not None:
                    _stop(call, running)
                    return answered
        if over is not None and over.processed:
            _stop(call, running)
            return None
        if following is not None and following.processed:
            following = None
            if may():
                running.append(call.start(_outcome(left.pop(0)), why))
                following = call.node.timer(gap_s) if left else None
        if not running:
            raise failure


def _outcome(ask: Callable[[], Program]) -> Program:
    """What an attempt comes to: its answer in a tuple of one, or its failure."""
    try:
        answered: tuple[Any] = ((yield from ask()),)
    except Failure as failure:
        return None, failure
    return answered, None


def _stop(call: ShardCall, running: Sequence[Copy]) -> None:
    for copy in running:
        call.stop(copy)
