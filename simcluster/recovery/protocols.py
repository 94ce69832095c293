"""What survives a crash: how a program keeps its state, and finds it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from simcluster.cluster import Node
from simcluster.engine import Program


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
