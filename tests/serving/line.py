"""A server's queue by itself, without a server."""

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Waits:
    """A request that waits; ``shed`` are the causes for which it was turned away."""

    ident: Any
    came_s: float
    deadline_s: float | None = None
    shed: list[str] = field(default_factory=list)

    def reject(self, cause="overloaded"):
        self.shed.append(cause)


class Line:
    """What is put into a queue, and comes out of it."""

    def __init__(self, queue):
        self.queue, self.waiting, self.all = deepcopy(queue), deque(), []

    def __len__(self):
        return len(self.waiting)

    def put(self, request, free, now_s):
        """Those who are turned away."""
        self.all.append(request)
        self.queue.arrive(request, self.waiting, free, now_s)
        return self._shed()

    def take(self, now_s):
        """The next, and those who are turned away."""
        taken = self.queue.choose(self.waiting, now_s) if self.waiting else None
        return taken, self._shed()

    def _shed(self):
        shed = [request for request in self.all if request.shed]
        self.all = [request for request in self.waiting if not request.shed]
        return shed
