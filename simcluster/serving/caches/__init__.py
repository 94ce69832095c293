"""Caches: answers that are kept for whoever asks for the same, a file each."""

from __future__ import annotations

from typing import Annotated

from simcluster.engine import Open
from simcluster.serving.caches.lfu import Lfu
from simcluster.serving.caches.lru import Lru
from simcluster.serving.caches.ttl import Ttl
from simcluster.serving.protocols import Cache

AnyCache = Annotated[Cache, Open(Cache, Lru, Lfu, Ttl)]
"""One of the caches above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyCache", "Lfu", "Lru", "Ttl"]
