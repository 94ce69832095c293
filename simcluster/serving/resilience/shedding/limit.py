"""A queue's limit: who finds it full is turned away."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.serving.resilience.protocols import Shed


class LengthLimit(Spec):
    """At most ``waiting`` wait for a core: M/M/c/K where K = c + ``waiting``, and Erlang's loss where that is 0."""

    kind: Literal["length"] = "length"
    cause: ClassVar[str] = "queue_full"
    waiting: Annotated[int, Field(ge=0, le=10**9), NUMBER]
    """How many."""

    def begin(self) -> Shed:
        """The rule, which remembers nothing."""
        return _Limit(self.waiting)


class _Limit:
    def __init__(self, waiting: int) -> None:
        self._waiting = waiting

    def arrives(self, length: int, free: int, now_s: float) -> bool:
        """Whether it is full."""
        return length >= self._waiting + free

    def begins(self, waited_s: float, left: int, now_s: float) -> bool:
        """Nobody who is in is turned away."""
        return False
