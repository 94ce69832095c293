"""Messages: immutable, with a size on the wire."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from simcluster.engine import Spec

HEADER_BYTES = 64
"""What a message weighs beside its body, in bytes: addresses, kind, ids (Ethernet + IP + TCP is 54 to 66)."""

_WORD_BYTES = 8
_ATOMS = (bool, int, float, complex, str, bytes, type(None), np.generic)


class Message(NamedTuple):
    """What one node says to another. ``id`` is unique in a run; retries of one request share a ``request_id``."""

    id: int
    source: str
    target: str
    kind: str
    body: Any
    size_bytes: float
    request_id: int | str | None = None
    reply_to: int | str | None = None


def freeze(value: Any) -> tuple[Any, float]:
    """``value`` made immutable, and its size in bytes.

    An array becomes read-only where it is; one that looks into another's writable memory is copied first. Lists
    become tuples, dictionaries read-only views of a copy. Anything that is not plain data raises ``TypeError``.
    """
    if value is None:
        return None, 0.0
    if type(value) in (float, int):
        return value, float(_WORD_BYTES)
    if isinstance(value, np.ndarray):
        return _frozen_array(value), float(value.nbytes)
    if isinstance(value, str | bytes):
        return value, float(len(value))
    if isinstance(value, _ATOMS):
        return value, float(_WORD_BYTES)
    if isinstance(value, tuple | list):
        parts = [freeze(part) for part in value]
        items, size_bytes = [part for part, _ in parts], math.fsum(size for _, size in parts)
        if isinstance(value, list):
            return tuple(items), size_bytes
        return (type(value)(*items) if hasattr(value, "_fields") else tuple(items)), size_bytes
    if isinstance(value, Mapping):
        pairs = {key: freeze(part) for key, part in value.items()}
        size_bytes = math.fsum(freeze(key)[1] + size for key, (_, size) in pairs.items())
        return MappingProxyType({key: part for key, (part, _) in pairs.items()}), size_bytes
    if isinstance(value, Spec):
        return value, float(len(value.model_dump_json()))
    if dataclasses.is_dataclass(value) and getattr(type(value), "__dataclass_params__").frozen:  # noqa: B009
        return value, math.fsum(freeze(getattr(value, field.name))[1] for field in dataclasses.fields(value))
    raise TypeError(f"a message carries numbers, text, arrays and frozen data, got {type(value).__name__}: {value!r}")


def _frozen_array(array: np.ndarray) -> np.ndarray:
    if not array.flags.writeable and not _shares_writable_memory(array):
        return array
    if _shares_writable_memory(array):
        array = array.copy()
    array.flags.writeable = False
    return array


def _shares_writable_memory(array: np.ndarray) -> bool:
    base = array.base
    while base is not None:
        if not isinstance(base, np.ndarray):
            return True
        if base.flags.writeable:
            return True
        base = base.base
    return False
