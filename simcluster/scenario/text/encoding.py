"""Encoding: what a run gave as JSON and arrays, and back, without any code that a file could name.

Numbers, text and lists stand for themselves. Everything else is a mapping with one key that says what it is: "float"
(infinity or NaN, which JSON has not), "tuple", "dict", "array" (its number among the arrays of the file), "scalar",
"complex", "bytes", "object" (a dataclass, a named tuple or a specification: its class, in words, and its fields) or
"repr", for what cannot be stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

Arrays = list[np.ndarray[Any, Any]]


class StoredObject:
    """An object that was stored by its fields, which are its attributes; its class is a word and nothing else."""

    __slots__ = ("__dict__", "_kind")  # so that a field may have any name

    def __init__(self, kind: str, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)
        self._kind = kind

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{self._kind}({said})"


class NotStored:
    """What stands for a part that no file has: what it looked like."""

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return f"<not stored: {self.shown}>"


def encoded(value: Any, arrays: Arrays, within: Sequence[Any] = ()) -> Any:
    """``value`` as JSON has it; its arrays are appended to ``arrays``."""
    if type(value) is float and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        arrays.append(np.asarray(value))
        return {"scalar" if isinstance(value, np.generic) else "array": len(arrays) - 1}
    if isinstance(value, complex):
        return {"complex": [encoded(value.real, arrays), encoded(value.imag, arrays)]}
    if isinstance(value, bytes | bytearray):
        return {"bytes": value.hex()}
    if isinstance(value, NotStored):
        return {"repr": value.shown}
    if any(value is one for one in within):  # a list that holds itself
        return {"repr": repr(value)}
    inner = (*within, value)
    if type(value) is list:
        return [encoded(each, arrays, inner) for each in value]
    if type(value) is tuple:
        return {"tuple": [encoded(each, arrays, inner) for each in value]}
    if isinstance(value, dict):
        return {"dict": [[encoded(each, arrays, inner) for each in item] for item in value.items()]}
    named = _fields(value)
    if named is None:
        return {"repr": repr(value)}
    kind = value._kind if isinstance(value, StoredObject) else type(value).__name__
    return {"object": [kind, [[name, encoded(part, arrays, inner)] for name, part in named]]}


def decoded(given: Any, array: Callable[[int], Any]) -> Any:
    """What ``encoded`` was given, where ``array`` gives an array by its number.

    Raises ``ValueError`` for what ``encoded`` does not give.
    """
    if isinstance(given, list):
        return [decoded(each, array) for each in given]
    if not isinstance(given, dict):
        return given
    if len(given) != 1:
        raise ValueError(f"a value must say in one word what it is, got {list(given)}")
    ((kind, inner),) = given.items()
    if kind not in _DECODERS:
        raise ValueError(f"a value must be one of {list(_DECODERS)}, got {kind!r}")
    return _DECODERS[kind](inner, array)


def _pairs(inner: Any, array: Callable[[int], Any]) -> Iterator[tuple[Any, Any]]:
    for name, value in inner:
        yield decoded(name, array), decoded(value, array)


def _hashable(name: Any) -> Any:
    """The keys of a mapping that were objects are told apart by what they look like."""
    return repr(name) if isinstance(name, StoredObject | NotStored | list | dict) else name


_DECODERS: dict[str, Any] = {
    "tuple": lambda inner, array: tuple(decoded(each, array) for each in inner),
    "dict": lambda inner, array: {_hashable(name): value for name, value in _pairs(inner, array)},
    "array": lambda inner, array: array(inner),
    "scalar": lambda inner, array: array(inner)[()],
    "float": lambda inner, array: float(inner),
    "complex": lambda inner, array: complex(*(decoded(each, array) for each in inner)),
    "bytes": lambda inner, array: bytes.fromhex(inner),
    "object": lambda inner, array: StoredObject(str(inner[0]), dict(_pairs(inner[1], array))),
    "repr": lambda inner, array: NotStored(str(inner)),
}


def _fields(value: Any) -> list[tuple[str, Any]] | None:
    """The names and values of a dataclass, a named tuple or a specification."""
    if isinstance(value, type):
        return None
    if isinstance(value, StoredObject):
        return list(vars(value).items())
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(zip(value._fields, value, strict=True))
    if isinstance(value, BaseModel):
        return [(name, getattr(value, name)) for name in type(value).model_fields]
    return None
