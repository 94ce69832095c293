"""Keys: what makes two queries the same, for caches and consistent hashing."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np


def key_of(body: Any) -> bytes:
    """A digest of a query's body, 8 bytes: the same for equal plain data and arrays, in any process.

    Arrays are equal where their types, shapes and bytes are; 1, 1.0 and "1" differ. Raises ``TypeError`` for what is
    neither plain data nor an array.
    """
    digest = blake2b(digest_size=8)
    _take_in(body, digest.update)
    return digest.digest()


def _take_in(part: Any, update: Any) -> None:
    if isinstance(part, np.ndarray):
        update(f"array {part.dtype} {part.shape} ".encode())
        update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, Mapping):
        update(f"mapping {len(part)} ".encode())
        for name, value in part.items():
            _take_in(name, update)
            _take_in(value, update)
    elif isinstance(part, list | tuple):
        update(f"sequence {len(part)} ".encode())
        for each in part:
            _take_in(each, update)
    elif isinstance(part, bytes):
        update(b"bytes %d " % len(part))
        update(part)
    elif isinstance(part, np.generic):
        _take_in(part.item(), update)
    elif part is None or isinstance(part, str | int | float):
        written = repr(part).encode()
        update(b"%d " % len(written))
        update(written)
    else:
        raise TypeError(f"a query must be plain data or arrays to have a key, got {type(part).__name__}")
