"""What every model that is trained by a parameter server offers."""

from __future__ import annotations

from typing import Any, Protocol

from simcluster.kernels import Call


class Training(Protocol):
    """A model and its distributed data; all methods are pure functions of their arguments."""

    def initial(self) -> Any:
        """The server's state before the first step."""
        ...

    def parameters(self, state: Any) -> Any:
        """What a worker needs of the server's state to do a step."""
        ...

    def contribution(self, worker: int, clock: int, parameters: Any) -> Call[Any]:
        """The worker's half of a step."""
        ...

    def fold(self, state: Any, worker: int, contribution: Any, share: float) -> Any:
        """The server's half: the state after one worker's contribution, which counts ``share`` of a step."""
        ...

    @property
    def contribution_size(self) -> int:
        """How many numbers one contribution has."""
        ...

    def loss(self, parameters: Any) -> float:
        """The objective over all data."""
        ...
