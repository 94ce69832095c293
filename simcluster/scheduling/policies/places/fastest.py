"""The node that computes a task fastest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from simcluster.engine import Spec
from simcluster.scheduling.policies.places.known import Known
from simcluster.scheduling.policies.places.ranked import Ranked
from simcluster.scheduling.protocols import Choice, NodeView, ReadyTask, Setting


class Fastest(Spec):
    """The node with room whose cores compute the task fastest; of several the first in the job's order."""

    kind: Literal["fastest"] = "fastest"

    def begin(self, setting: Setting) -> Choice:
        """A choice that knows no node yet."""
        return _Fastest(setting.nodes)


class _Fastest(Known):
    """The nodes by what they are: a choice costs as much as there are kinds of nodes."""

    def __init__(self, nodes: Sequence[NodeView]) -> None:
        super().__init__(nodes)
        self._nodes = nodes
        self._kinds: dict[tuple[float, float], Ranked] = {}

    def node_changed(self, view: NodeView) -> None:
        before = self._views.get(view.name)
        super().node_changed(view)
        if before is not None and _kind(before) != _kind(view):
            self._kinds[_kind(before)].node_gone(view.name)
        if _kind(view) not in self._kinds:
            self._kinds[_kind(view)] = Ranked(self._nodes, lambda view: self._places[view.name])
        self._kinds[_kind(view)].node_changed(view)

    def node_gone(self, name: str) -> None:
        view = self._views.get(name)
        super().node_gone(name)
        if view is not None:
            self._kinds[_kind(view)].node_gone(name)

    def choose(self, task: ReadyTask) -> str | None:
        firsts = (kind.choose(task) for kind in self._kinds.values())
        views = [self._views[name] for name in firsts if name is not None]
        best = min(views, key=lambda view: (view.seconds(task.cost), self._places[view.name]), default=None)
        return None if best is None else best.name


def _kind(view: NodeView) -> tuple[float, float]:
    return view.flops_per_s, view.memory_bytes_per_s
