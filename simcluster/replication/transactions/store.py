"""A store of transactions in one run, as its programs know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from simcluster.cluster import Cluster


@dataclass(frozen=True, eq=False)
class Store:
    """Where keys lie, what messages are called, and what is recorded.

    ``applied(operation, node)``, ``voted(operation, node, vote, writes)`` and ``learned(operation, node, outcome)`` are
    true times, which only measurement knows.
    """

    cluster: Cluster
    name: str
    shards: tuple[str, ...]
    retry_s: float
    flush: bool
    applied: Callable[[int, str], None]
    voted: Callable[[int, str, str, int], None]
    learned: Callable[[int, str, str], None]

    def kind(self, word: str) -> str:
        """The kind of such messages of this store."""
        return f"{self.name}.{word}"

    def shard_of(self, key: str) -> str:
        """The node that holds a key: by a hash of the key."""
        place = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") % len(self.shards)
        return self.shards[place]
