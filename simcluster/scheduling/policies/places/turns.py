"""Nodes that are chosen without a look at what they are."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.scheduling.policies.places.known import Known
from simcluster.scheduling.protocols import Choice, NodeView, ReadyTask, Setting


class EachInTurn(Spec):
    """Each node with room in turn, in the job's order: round robin."""

    kind: Literal["each_in_turn"] = "each_in_turn"

    def begin(self, setting: Setting) -> Choice:
        """A choice whose turn is the first node's."""
        return _EachInTurn(setting.nodes)


class AtRandom(Spec):
    """Any node with room, each as likely as the next."""

    kind: Literal["at_random"] = "at_random"

    def begin(self, setting: Setting) -> Choice:
        """A choice that draws from the setting's generator."""
        return _AtRandom(setting.nodes, setting.generator)


class _Open(Known):
    """Keeps the nodes with an idle core in the job's order."""

    def __init__(self, nodes: Sequence[NodeView]) -> None:
        super().__init__(nodes)
        self._open: list[tuple[int, str]] = []

    def node_changed(self, view: NodeView) -> None:
        super().node_changed(view)
        self._set(view.name, view.idle > 0)

    def node_gone(self, name: str) -> None:
        if self._views.pop(name, None) is not None:
            self._set(name, False)

    def has_room(self, task: ReadyTask) -> bool:
        return any(self._views[name].has_room(task) for _, name in self._open)

    def _set(self, name: str, is_open: bool) -> None:
        entry = self._places[name], name
        place = bisect_left(self._open, entry)
        there = place < len(self._open) and self._open[place] == entry
        if is_open and not there:
            insort(self._open, entry)
        elif there and not is_open:
            del self._open[place]


class _EachInTurn(_Open):
    def __init__(self, nodes: Sequence[NodeView]) -> None:
        super().__init__(nodes)
        self._turn = 0

    def choose(self, task: ReadyTask) -> str | None:
        first = bisect_left(self._open, (self._turn, ""))
        for step in range(len(self._open)):
            place, name = self._open[(first + step) % len(self._open)]
            if self._views[name].has_room(task):
                self._turn = place + 1
                return name
        return None


class _AtRandom(_Open):
    def __init__(self, nodes: Sequence[NodeView], generator: np.random.Generator) -> None:
        super().__init__(nodes)
        self._generator = generator

    def choose(self, task: ReadyTask) -> str | None:
        if not self._open:
            return None
        _, name = self._open[int(self._generator.integers(len(self._open)))]
        if self._views[name].has_room(task):
            return name
        room = [name for _, name in self._open if self._views[name].has_room(task)]
        return room[int(self._generator.integers(len(room)))] if room else None
