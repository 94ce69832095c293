"""What survives a crash: how a program keeps its state, and finds it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from simcluster.cluster import Cluster, Node
from simcluster.engine import Event, Program


class Keeper(Protocol):
    """Keeps the state of one program, as long as that runs."""

    def restore(self) -> Program:
        """Steps whose value is the state to go on from, or ``None`` to begin anew."""
        ...

    def after_step(self, clock: int, state: Callable[[], Any]) -> Program:
        """Steps to take when ``clock`` steps are complete; ``state`` gives what would have to be kept."""
        ...


class Recovery(Protocol):
    """How a job survives crashes of the node that holds its state."""

    def keeper(self, node: Node, name: str) -> Keeper:
        """What keeps the state of ``node``'s program of the job ``name``; asked for whenever the program begins."""
        ...


class Suspicion(Protocol):
    """When somebody is suspected of being gone; pure, and a plain function serves."""

    def __call__(self, heard_s: Sequence[float], now_s: float) -> bool:
        """Whether, at ``now_s``, somebody who was heard at these times (at least one, in order) is suspected."""
        ...


class Detector(Protocol):
    """Watches the peers of a node."""

    def start(self, cluster: Cluster, name: str, watcher: str, peers: Sequence[str], over: Event) -> None:
        """Boot at the peers what lets ``watcher`` know that they live, until ``over``; ``name`` is the job's."""
        ...

    def run(
        self, node: Node, name: str, peers: Sequence[str], tell: Callable[[str, bool], None], over: Event
    ) -> Program:
        """Steps on the node that watches, until ``over``: ``tell`` is told a peer, and whether it is suspected now."""
        ...
