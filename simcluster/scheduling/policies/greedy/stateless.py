"""Policies that remember nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simcluster.engine import Spec
from simcluster.scheduling.protocols import NodeView, ReadyTask, Setting, Watcher


class Stateless(Spec):
    """What remembers nothing, so that it decides from what is ready and who is there alone, too."""

    def begin(self, setting: Setting) -> Watcher:
        """What watches one run."""
        raise NotImplementedError

    def __call__(self, ready: Sequence[ReadyTask], nodes: Sequence[NodeView]) -> tuple[str, str] | None:
        """The names of a task and a node, or ``None`` to wait."""
        setting: Any = _There(tuple(nodes))
        watching = self.begin(setting)
        for node in nodes:
            watching.node_changed(node)
        for task in ready:
            watching.task_ready(task)
        return watching.decide(0.0)  # type: ignore[return-value]


@dataclass(frozen=True)
class _There:
    """A setting of which nothing is known but the nodes."""

    nodes: tuple[NodeView, ...]
