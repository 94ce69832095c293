"""Locks of a shard, in its memory: many may read a key, or one may write it."""

from __future__ import annotations

from typing import Literal

Name = tuple[int, str]
"""A transaction: the number of its operation, which is unique in a run, and the node that coordinates it."""
Mode = Literal["shared", "exclusive"]


class LockTable:
    """Who holds which key.

    Who meets another's lock waits where it is the older one, and dies where it is the younger: so nobody waits in a
    circle (wait–die; Rosenkrantz, Stearns & Lewis, "System level concurrency control for distributed database
    systems", TODS 1978). The lower number is the older one.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[Name, Mode]] = {}

    def take(self, name: Name, key: str, mode: Mode) -> Literal["granted", "wait", "die"]:
        """Take a key, or say what to do instead."""
        holders = self._held.setdefault(key, {})
        others = [other for other, held in holders.items() if other != name and "exclusive" in (mode, held)]
        if others:
            return "wait" if name < min(others) else "die"
        holders[name] = "exclusive" if holders.get(name) == "exclusive" else mode
        return "granted"

    def is_written(self, key: str, name: Name) -> bool:
        """Whether another transaction may be about to change a key."""
        return any(held == "exclusive" for other, held in self._held.get(key, {}).items() if other != name)

    def release(self, name: Name) -> None:
        """Give back all that a transaction holds."""
        for key in [key for key, holders in self._held.items() if name in holders]:
            del self._held[key][name]
            if not self._held[key]:
                del self._held[key]

    def holders(self) -> dict[Name, None]:
        """All that hold something."""
        return {name: None for holders in self._held.values() for name in holders}
