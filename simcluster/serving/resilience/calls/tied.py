"""Tied requests: two servers have the same, and whoever begins first tells the other to forget it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from simcluster.cluster import Overloaded
from simcluster.engine import Program, Seconds, Spec
from simcluster.serving.resilience.calls.race import race

if TYPE_CHECKING:
    from simcluster.serving.shard_call import ShardCall


class Tied(Spec):
    """Each request is sent to two servers; the first that begins with it tells the other to forget it.

    So a query waits in the shorter of two queues, whatever the front end knows of them. Both are computed when both
    begin within the time of a message, which ``gap_s`` makes rarer. Source: J. Dean and L. A. Barroso, "The tail at
    scale", CACM 56(2), 2013, who send the second after twice that time.
    """

    kind: Literal["tied"] = "tied"
    twice: ClassVar[bool] = True
    carries: ClassVar[bool] = True
    gap_s: Seconds = 0.0
    """How long after the first the second is sent."""

    def refuses(self, inner: tuple[object, ...], replicas: int) -> str | None:
        """Why these policies cannot stand within it, or ``None``."""
        if inner:
            return "tied must stand innermost, for it says which two servers are asked"
        return "tied needs a second replica of each shard, got 1" if replicas < 2 else None

    def __call__(self, call: ShardCall, ask: Callable[[], Program]) -> Program:
        """The first answer of two; of one, where guards admit no more."""
        yield from call.ready()
        first = call.choose()
        try:
            second = call.choose()
        except Overloaded:
            second = first
        if second is first:
            return (yield from call.ask_of(first))
        ident = call.node.cluster.network.new_id()
        two = [
            partial(call.ask_of, first, second.name, ident),
            partial(call.ask_of, second, first.name, ident),
        ]
        (answer,) = yield from race(call, two, gap_s=self.gap_s, why="tied")
        return answer
