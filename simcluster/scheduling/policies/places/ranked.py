"""The node that comes first by some number of its own, among those that have room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush

from simcluster.scheduling.policies.places.known import Known
from simcluster.scheduling.protocols import NodeView, ReadyTask

_Entry = tuple[float, int, int, NodeView]


class Ranked(Known):
    """The node with the smallest ``rank`` of those with room; of several the first in the job's order.

    ``early`` takes nodes without room too, where a task then waits. There is a heap of the nodes for each number of
    idle cores, so that a choice costs a logarithm of the nodes, unless memory is short: then all are looked at.
    """

    def __init__(
        self, nodes: Sequence[NodeView], rank: Callable[[NodeView], float], *, early: bool = False
    ) -> None:
        super().__init__(nodes)
        self._rank, self._early = rank, early
        self._heaps: dict[int, list[_Entry]] = {}
        self._changes = 0

    def node_changed(self, view: NodeView) -> None:
        """A node is like this now."""
        super().node_changed(view)
        if self._early or view.idle:
            self._changes += 1
            heap = self._heaps.setdefault(0 if self._early else view.idle, [])
            heappush(heap, self._entry(view, self._changes))
            if len(heap) > 4 * len(self._views) + 16:  # mostly what is no longer so
                heap[:] = [each for each in heap if self._views.get(each[3].name) is each[3]]
                heapify(heap)

    def choose(self, task: ReadyTask) -> str | None:
        """The node that comes first."""
        found = min(self._tops(0 if self._early else task.cores), default=None)
        if found is not None and not self._early and not found[3].has_room(task):
            found = min((self._entry(view, 0) for view in self.views() if view.has_room(task)), default=None)
        return None if found is None else found[3].name

    def _entry(self, view: NodeView, change: int) -> _Entry:
        return self._rank(view), self._places[view.name], change, view

    def _tops(self, cores: int) -> Iterator[_Entry]:
        for idle, heap in self._heaps.items():
            if idle < cores:
                continue
            while heap and self._views.get(heap[0][3].name) is not heap[0][3]:
                heappop(heap)
            if heap:
                yield heap[0]
