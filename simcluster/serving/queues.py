"""Queues of servers: who waits, who is computed next, and who is turned away."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from simcluster.engine import Spec

if TYPE_CHECKING:
    from simcluster.serving.server import Request


class QueueLimit(Spec):
    """First come, first served; whoever finds as many waiting as there may be is turned away (M/M/c/K is one)."""

    kind: Literal["queue_limit"] = "queue_limit"
    waiting: Annotated[int, Field(ge=0, strict=True)]
    """How many may wait, beside those that are computed; K − c of M/M/c/K."""

    def arrive(self, request: Request, waiting: deque[Request], free: int, now_s: float) -> None:
        """At the end, if there is room."""
        if len(waiting) < self.waiting + free:
            waiting.append(request)
        else:
            request.reject()

    def choose(self, waiting: deque[Request], now_s: float) -> Request | None:
        """The first."""
        return waiting.popleft()
