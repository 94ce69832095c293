"""The injector: makes a schedule's faults happen to a running cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from simpy.events import URGENT

from simcluster.cluster import Cluster
from simcluster.engine import Event
from simcluster.faults.fault import Fault, Lift


class Injector:
    """Begins and lifts each fault at its time; ``begun`` says which have begun, by their place in the schedule."""

    def __init__(self, cluster: Cluster, faults: Sequence[Fault]) -> None:
        for fault in faults:
            fault.check(cluster.spec)
        self._cluster = cluster
        self._faults = faults
        self.begun: list[int] = []
        self._keys = _keys(faults)
        self._record = cluster.trace.recorder("fault", "fault", "name", "phase")
        for place, fault in enumerate(faults):
            if fault.begin_s > cluster.env.now:
                cluster.env.call_later(fault.begin_s - cluster.env.now, self._begin, place)
            else:
                self._begin_first(place)

    def check_programs(self) -> None:
        """Raise ``ValueError`` for a fault of a program that no node boots. To be asked once the job has started."""
        for fault in self._faults:
            fault.check_programs(self._cluster)

    @property
    def never_begun(self) -> tuple[Fault, ...]:
        """The faults that have not happened (yet)."""
        begun = frozenset(self.begun)
        return tuple(fault for place, fault in enumerate(self._faults) if place not in begun)

    def _begin_first(self, place: int) -> None:
        """Begin a fault at this moment before the programs that are booted at it."""
        first = Event(self._cluster.env)
        first._ok, first._value = True, None
        first.callbacks.append(lambda _: self._begin(place))
        self._cluster.env.schedule(first, priority=URGENT)

    def _begin(self, place: int) -> None:
        fault = self._faults[place]
        self.begun.append(place)
        self._record(place, type(fault).__name__, "begin")
        lift = fault.begin(self._cluster, self._keys[place])
        if fault.end_s is not None:
            self._cluster.env.call_later(fault.end_s - self._cluster.env.now, self._end, (place, lift))

    def _end(self, fault: tuple[int, Lift]) -> None:
        place, lift = fault
        self._record(place, type(self._faults[place]).__name__, "end")
        lift()


def _keys(faults: Sequence[Fault]) -> list[str]:
    """What names each fault: what it is and how many like it stand before, so that one more shifts nobody's draws."""
    seen: Counter[str] = Counter()
    keys = []
    for fault in faults:
        text = fault.model_dump_json()
        keys.append(f"{text}#{seen[text]}")
        seen[text] += 1
    return keys
