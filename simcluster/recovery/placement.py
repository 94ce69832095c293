"""Placement: which nodes keep the copies of a block, and which copy is nearest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

Racks = Callable[[str | None], str | None]
"""Says a node's rack; nodes without one count as one rack."""


def rank(key: str, names: Iterable[str]) -> list[str]:
    """``names`` in an order that each key shuffles anew, but always in the same way.

    Rendezvous hashing (Thaler and Ravishankar 1998): a node that comes or goes changes nobody else's place.
    """
    return sorted(names, key=lambda name: blake2b(f"{len(key)}:{key}{name}".encode(), digest_size=8).digest())


def place(
    key: str, count: int, candidates: Iterable[str], racks: Racks, writer: str | None = None, held: Sequence[str] = ()
) -> tuple[str, ...]:
    """Up to ``count`` of ``candidates`` for new copies of a block that is already ``held``, with regard to racks.

    The first copy goes to the writer, the second into another rack, the third into the rack of the second, the rest
    where the fewest are (HDFS: Shvachko et al. 2010, section IV.A). A wish that no candidate meets is passed over.
    """
    copies, free = list(held), [name for name in rank(key, candidates) if name not in held]
    while free and len(copies) < len(held) + count:
        choice = min(free, key=lambda name: _misfit(name, copies, racks, writer))
        free.remove(choice)
        copies.append(choice)
    return tuple(copies[len(held) :])


def nearest(here: str, names: Sequence[str], racks: Racks) -> list[str]:
    """``names`` from near to far: ``here`` itself, then those in its rack, then the others, each in their order."""
    return sorted(names, key=lambda name: (name != here, racks(name) != racks(here)))


def _misfit(name: str, copies: list[str], racks: Racks, writer: str | None) -> tuple[int, int]:
    """How badly ``name`` suits for the next copy; the least wins."""
    if not copies:
        return int(name != writer), int(racks(name) != racks(writer or name))
    rack, used = racks(name), [racks(copy) for copy in copies]
    if all(other == used[0] for other in used):
        return int(rack == used[0]), 0
    if len(used) == 2:
        return int(rack != used[1]), 0
    return used.count(rack), 0
