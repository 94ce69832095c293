"""A view: who holds a copy, and in which order."""

from __future__ import annotations

from typing import NamedTuple


class View(NamedTuple):
    """The copies of one ``epoch``; the first of them takes what is new."""

    epoch: int
    members: tuple[str, ...]

    @property
    def first(self) -> str | None:
        """Who takes what is new."""
        return self.members[0] if self.members else None


class Position(NamedTuple):
    """How far a copy has come: the epoch whose state it took over, and how many operations it holds."""

    epoch: int
    held: int
