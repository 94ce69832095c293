"""Progress: whether a run goes on in simulated time, and what waits meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simcluster.cluster import Cluster, Running

#: Times that are less apart are one instant: a timer of 1e-300 s moves no clock that anybody reads.
INSTANT_S = 1e-12
#: After so many events for each node, and not less, a look is taken at what waits.
EVENTS_PER_NODE, EVENTS = 16, 256
#: More looks than this are thinned out, and taken half as often from then on.
LOOKS = 32
#: In so many events who goes round in circles is seen to.
CIRCLE = 1000


class Look(NamedTuple):
    """What waited at a moment: at each node and, held, in the network, and for the cores of each node."""

    time_s: float
    waiting: dict[str, int]
    queued: dict[str, int]


def look(cluster: Cluster) -> Look:
    """What waits now; it costs the same however much it is, so what waits at interfaces is not counted."""
    waiting: dict[str, int] = {}
    queued: dict[str, int] = {}
    for name, node in cluster.nodes.items():
        if count := node.waiting:
            waiting[name] = count
            if count > 1 and (count := node.queue_length - node.spec.cores) > 0:
                queued[name] = count
    if held := cluster.network.held:
        waiting["network"] = waiting.get("network", 0) + held
    return Look(float(cluster.env.now), waiting, queued)


class Progress:
    """Processes events in slices, between which the clock is read and a look is taken: an event costs nothing.

    ``looks`` are the moments so far, equally many events apart. ``steps`` processes so many events.
    """

    def __init__(self, cluster: Cluster, steps: Callable[[int], None], most: int) -> None:
        self.looks: list[Look] = []
        self._cluster, self._steps, self._most = cluster, steps, most
        self._size = max(EVENTS, EVENTS_PER_NODE * len(cluster.nodes))
        self._since_look = self._since_moved = 0
        self._moved_s = cluster.env.now

    def go_on(self) -> None:
        """Process events until one of them raises; a livelock raises ``RuntimeError``, which says whose it is."""
        while True:
            self._slice(min(self._size - self._since_look, self._most))
            if self._since_moved >= self._most:
                self._refuse_circle()
            if self._since_look >= self._size:
                self._since_look = 0
                self.looks.append(look(self._cluster))
                if len(self.looks) == LOOKS:
                    self.looks, self._size = self.looks[1::2], 2 * self._size

    def _slice(self, events: int) -> None:
        self._steps(events)
        self._since_look += events
        self._since_moved += events
        now_s = self._cluster.env.now
        if now_s - self._moved_s >= INSTANT_S:
            self._moved_s, self._since_moved = now_s, 0

    def _refuse_circle(self) -> None:
        before = {running.process: running.process.target for running in self._running()}
        self._slice(CIRCLE)
        if not self._since_moved:
            return
        moved = [running for running in self._running() if before.get(running.process) is not running.process.target]
        programs = list(dict.fromkeys(running.program for running in moved))
        who = ", ".join(programs[:4]) + (f" and {len(programs) - 4} more" if len(programs) > 4 else "")
        raise RuntimeError(
            f"events_per_instant: time must move on within {self._most} events, got none of it since "
            f"{self._moved_s} s, where {who or 'something that is no program of a node'} goes round in circles"
        )

    def _running(self) -> list[Running]:
        return [running for node in self._cluster.nodes.values() for running in node.processes.values()]
