"""The nodes that are up, as far as a choice among them needs to know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from simcluster.scheduling.protocols import Choice, NodeView, ReadyTask


class Known:
    """What every choice of a node remembers: the last view of each that is up, and the job's order of them."""

    def __init__(self, nodes: Sequence[NodeView]) -> None:
        self._views: dict[str, NodeView] = {}
        self._places = {view.name: place for place, view in enumerate(nodes)}

    def node_changed(self, view: NodeView) -> None:
        """A node is like this now."""
        self._views[view.name] = view

    def node_gone(self, name: str) -> None:
        """A node is down."""
        self._views.pop(name, None)

    def views(self) -> Iterable[NodeView]:
        """All that are up."""
        return self._views.values()

    def choose(self, task: ReadyTask) -> str | None:
        """The node for a task, or none where there is no room."""
        raise NotImplementedError

    def has_room(self, task: ReadyTask) -> bool:
        """Whether ``choose`` would find a node."""
        return self.choose(task) is not None


def choose_all(
    choice: Choice, views: Mapping[str, NodeView], tasks: Sequence[ReadyTask]
) -> tuple[tuple[str, str], ...] | None:
    """A node for each of these tasks, (task, node), so that there is room for all at once; or none.

    ``views`` are those that the choice knows, and knows again afterwards.
    """
    found: list[tuple[str, str]] = []
    tried: dict[str, NodeView] = {}
    for task in tasks:
        node = choice.choose(task)
        if node is None:
            break
        found.append((task.name, node))
        view = tried.get(node, views[node])
        idle, free = max(0, view.idle - task.cores), view.free_memory_bytes - task.memory_bytes
        tried[node] = view._replace(idle=idle, free_memory_bytes=free)
        if len(tasks) > 1:
            choice.node_changed(tried[node])
    if len(tasks) > 1:
        for node in tried:
            choice.node_changed(views[node])
    return tuple(found) if len(found) == len(tasks) else None
