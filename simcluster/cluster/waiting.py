"""Events that notice who awaits them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Waiters(list[Any]):
    """An event's callbacks, which tell when somebody begins to wait and when nobody waits any more."""

    __slots__ = ("_begin", "_cease")

    def __init__(self, begin: Callable[[], None], cease: Callable[[], None]) -> None:
        super().__init__()
        self._begin = begin
        self._cease = cease

    def append(self, callback: Any) -> None:
        """Add a callback: somebody waits."""
        super().append(callback)
        self._begin()

    def remove(self, callback: Any) -> None:
        """Take a callback back: perhaps nobody waits any more."""
        super().remove(callback)
        if not self:
            self._cease()
