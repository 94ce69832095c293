"""Merkle trees: which keys differ between two copies, by comparing few hashes (Merkle 1987; Dynamo, section 4.7)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

FANOUT = 4
ROOT = 0
_BUCKETS = 64  # FANOUT³
_FIRST_LEAF = 21  # after 1 + 4 + 16 inner nodes


class MerkleTree:
    """Hashes of keys and their states: keys fall into 64 buckets, and each node is the hash of its children.

    Nodes are numbered as in a heap: the children of n are FANOUT·n + 1 and so on, the root is 0. Two copies that hold
    the same have the same root, whatever way they came to it.
    """

    def __init__(self, states: Mapping[str, Any]) -> None:
        self._buckets: dict[int, list[str]] = {}
        for key in sorted(states):
            self._buckets.setdefault(leaf_of(key), []).append(key)
        self._hashes: dict[int, bytes] = {}
        for leaf, keys in self._buckets.items():
            self._hashes[leaf] = _hash(repr([(key, states[key]) for key in keys]).encode())
        level = list(self._buckets)
        while level and level != [ROOT]:
            level = list(dict.fromkeys((node - 1) // FANOUT for node in level))
            for node in level:
                self._hashes[node] = _hash(b"".join(self.hash(child) for child in children(node)))

    def hash(self, node: int) -> bytes:
        """The hash of a node; that of one without keys below is empty."""
        return self._hashes.get(node, b"")

    def differing(self, hashes: Mapping[int, bytes]) -> list[int]:
        """Those of the nodes whose hash is another here."""
        return [node for node, theirs in hashes.items() if theirs != self.hash(node)]

    def keys(self, leaves: Iterable[int]) -> list[str]:
        """The keys in these buckets."""
        return [key for leaf in leaves for key in self._buckets.get(leaf, ())]


def children(node: int) -> range:
    """The nodes below one."""
    return range(FANOUT * node + 1, FANOUT * node + FANOUT + 1)


def is_leaf(node: int) -> bool:
    """Whether a node is a bucket."""
    return node >= _FIRST_LEAF


def leaf_of(key: str) -> int:
    """The bucket that a key falls into."""
    return _FIRST_LEAF + int.from_bytes(_hash(key.encode()), "big") % _BUCKETS


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
