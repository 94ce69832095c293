"""Versions: what is written under a key of the distributed store, each time anew."""

from __future__ import annotations

from typing import NamedTuple


class Version(NamedTuple):
    """One version of a key's value: a block of its own, which is written once and never changes.

    The number is an id of the run, which grow in time: of two versions the one begun later has the higher. A block's
    name says its size too, so that a disk shows without reading what a crash has torn: that is shorter.
    """

    key: str
    number: int
    size_bytes: float

    @property
    def name(self) -> str:
        """What the block is called on disks and in messages."""
        return f"{self.key}#{self.number}#{self.size_bytes!r}"

    @classmethod
    def of(cls, name: str) -> Version:
        """The version whose block has this name."""
        key, number, size_bytes = name.rsplit("#", 2)
        return cls(key, int(number), float(size_bytes))
