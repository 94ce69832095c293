"""Any order with any place."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Spec
from simcluster.scheduling.policies.composed import Composed
from simcluster.scheduling.policies.orders import AnyOrder, arrival
from simcluster.scheduling.policies.places import AnyPlace, LongestIdle
from simcluster.scheduling.policies.preemption import Preempting
from simcluster.scheduling.policies.queues import Sorted
from simcluster.scheduling.protocols import Order, Place, Setting, Watcher


class Greedy(Spec):
    """The first task by an order goes to a node with room that a place names, and nobody passes it.

    On equal nodes, where data costs nothing, no order takes longer than 2 − 1/m times the best schedule of tasks of one
    core (Graham 1969, "Bounds on multiprocessing timing anomalies").
    """

    kind: Literal["greedy"] = "greedy"
    order: AnyOrder = arrival
    """Which task is next."""
    place: AnyPlace = LongestIdle()
    """Where it goes."""
    preempts: bool = False
    """Whether running tasks that come later by the order are given up for it when there is no room."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        return watcher(setting, self.order, self.place, preempts=self.preempts)


def watcher(setting: Setting, order: Order, place: Place, *, preempts: bool = False) -> Watcher:
    """An order and a place, at work."""
    choice = place.begin(setting)
    return Preempting(order, choice) if preempts else Composed(Sorted(order), choice)
