"""The tasks that wait, in an order."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

from simcluster.scheduling.protocols import Order, ReadyTask


class Queue(Protocol):
    """Says who is next of the tasks that wait."""

    def add(self, task: ReadyTask) -> None:
        """A task waits from now on."""
        ...

    def remove(self, name: str) -> None:
        """It waits no more, if it did."""
        ...

    def next(self, has_room: Callable[[ReadyTask], bool]) -> ReadyTask | None:
        """The task that shall begin now, for which there is room; or none."""
        ...


class Sorted:
    """The tasks by an order, of equal ones the first that came; nobody passes the first when there is no room for it.

    Each method costs a logarithm of the tasks that wait: a heap, from which what waits no more is taken when it comes
    first.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._heap: list[tuple[float, int, ReadyTask]] = []
        self._arrivals: dict[str, int] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._arrivals)

    def add(self, task: ReadyTask) -> None:
        """A task waits from now on."""
        self._count += 1
        self._arrivals[task.name] = self._count
        heappush(self._heap, (self._order(task), self._count, task))

    def remove(self, name: str) -> None:
        """It waits no more, if it did."""
        self._arrivals.pop(name, None)

    def first(self) -> ReadyTask | None:
        """The first, whether or not there is room."""
        while self._heap:
            _, arrival, task = self._heap[0]
            if self._arrivals.get(task.name) == arrival:
                return task
            heappop(self._heap)
        return None

    def next(self, has_room: Callable[[ReadyTask], bool]) -> ReadyTask | None:
        """The first, if there is room for it."""
        task = self.first()
        return task if task is not None and has_room(task) else None
