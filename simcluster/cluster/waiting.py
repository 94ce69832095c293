"""Events that notice who awaits them."""

from __future__ import annotations

from typing import Any, Protocol


class Owner(Protocol):
    """What is told of those who wait."""

    def begin(self) -> None:
        """Somebody begins to wait."""
        ...

    def cease(self) -> None:
        """Nobody waits any more."""
        ...


class Waiters(list[Any]):
    """An event's callbacks, which tell its owner when somebody begins to wait and when nobody waits any more."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def append(self, callback: Any) -> None:
        """Add a callback: somebody waits."""
        list.append(self, callback)
        self._owner.begin()

    def remove(self, callback: Any) -> None:
        """Take a callback back: perhaps nobody waits any more."""
        list.remove(self, callback)
        if not self:
            self._owner.cease()
