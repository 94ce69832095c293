"""Messages: immutable, with a size on the wire."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import to_json

from simcluster.engine import Spec

HEADER_BYTES = 64
"""What a message weighs beside its body, in bytes: addresses, kind, ids (Ethernet + IP + TCP is 54 to 66)."""

_WORD_BYTES = 8
_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
}
"""What makes the plain value of a subclass, which may have attributes that change."""


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


def whole(message: Message) -> Message:
    """*message* itself. Raises ``TypeError`` for what has not all fields of one."""
    if not isinstance(message, tuple) or len(message) != len(Message._fields):
        raise TypeError(f"message must be a whole Message, got {message!r}")
    return message


class Sealed:
    """A value that is frozen once, however often it travels and is written; its arrays are the same for all.

    Its size is that of the value, or ``size_bytes`` where the value only stands for something larger. Whoever gets it
    takes ``value`` out. Raises ``TypeError`` as ``freeze`` does, ``ValueError`` for a size that is less than 0.
    """

    __slots__ = ("size_bytes", "value")

    value: Any
    size_bytes: float

    def __init__(self, value: Any, size_bytes: float | None = None) -> None:
        if size_bytes is not None and not 0 <= size_bytes < math.inf:
            raise ValueError(f"size_bytes must be finite and at least 0, got {size_bytes}")
        frozen, own_bytes = freeze(value)
        object.__setattr__(self, "value", frozen)
        object.__setattr__(self, "size_bytes", own_bytes if size_bytes is None else float(size_bytes))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"what is sealed must stay as it is, got {name} = {value!r}")

    def __repr__(self) -> str:
        return f"Sealed({self.value!r})"


def freeze(value: Any) -> tuple[Any, float]:
    """``value`` as a value that nothing can change any more, and its size in bytes; ``value`` stays as it is.

    Arrays are copied, with their masks, unless their memory belongs to a ``bytes`` object, as that of a frozen array
    does. Lists become tuples, dictionaries read-only views of a copy, subclasses of numbers and text what they are
    subclasses of, and the parts of tuples, of arrays of objects, of frozen dataclasses and of specifications are
    frozen likewise. Each call gives array objects of their own, for whoever has one can give it another shape. What
    is not plain data raises ``TypeError``: sets (they have no order that all runs share), ``bytearray``, arrays of
    other classes, classes with state beside their fields.
    """
    kind = type(value)
    if value is None:
        return None, 0.0
    if kind is float or kind is int or kind is bool or kind is complex:
        return value, float(_WORD_BYTES)
    if kind is str or kind is bytes:
        return value, float(len(value))
    if kind is np.ndarray:
        return _frozen_array(value)
    if kind is tuple or kind is list:
        items, size_bytes = _frozen_items(value)
        return tuple(items), size_bytes
    if kind is Sealed:
        return value, value.size_bytes
    if kind is dict:
        return _frozen_mapping(value)
    return _frozen_other(value)


def _frozen_other(value: Any) -> tuple[Any, float]:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        if hasattr(value, "__dict__"):
            raise _refusal(value, "named tuples without attributes of their own")
        items, size_bytes = _frozen_items(value)
        return tuple.__new__(type(value), items), size_bytes
    if isinstance(value, np.generic):
        return _frozen_scalar(value), float(_WORD_BYTES)
    for plain, make in _PLAIN.items():
        if isinstance(value, plain):
            size_bytes = float(len(value) if isinstance(value, str | bytes) else _WORD_BYTES)
            return value if isinstance(value, Enum) else make(value), size_bytes
    if isinstance(value, tuple | list):
        items, size_bytes = _frozen_items(value)
        return tuple(items), size_bytes
    if isinstance(value, Mapping):
        return _frozen_mapping(value)
    if isinstance(value, Spec):
        return _frozen_spec(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _frozen_dataclass(value)
    if type(value) is np.ma.MaskedArray:
        return _frozen_masked(value)
    raise _refusal(value, "numbers, text, arrays and frozen data")


def _frozen_mapping(value: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], float]:
    if len(value) == 1:  # as most outputs of tasks
        for key, part in value.items():
            frozen_key, key_bytes = freeze(key)
            frozen_part, part_bytes = freeze(part)
            return MappingProxyType({frozen_key: frozen_part}), key_bytes + part_bytes
    keys, keys_bytes = _frozen_items(value.keys())
    parts, parts_bytes = _frozen_items(value.values())
    return MappingProxyType(dict(zip(keys, parts, strict=True))), keys_bytes + parts_bytes


def _refusal(value: Any, wanted: str) -> TypeError:
    return TypeError(f"a message carries {wanted}, got {type(value).__name__}: {value!r}")


def _frozen_items(values: Iterable[Any]) -> tuple[list[Any], float]:
    parts, sizes = [], []
    for value in values:
        part, size_bytes = freeze(value)
        parts.append(part)
        sizes.append(size_bytes)
    return parts, math.fsum(sizes)


def _frozen_scalar(value: np.generic) -> Any:
    """A record is a view of memory, which is copied; no other scalar can change."""
    if isinstance(value, np.void):
        return _frozen_array(np.array(value))[0][()]
    return value if type(value) is value.dtype.type else value.dtype.type(value)


def _frozen_array(array: np.ndarray) -> tuple[np.ndarray, float]:
    if array.dtype.hasobject:
        return _frozen_objects(array)
    return _in_bytes(array), float(array.nbytes)


def _in_bytes(array: np.ndarray) -> np.ndarray:
    """A copy whose memory is a ``bytes`` object, so that no flag makes it writable; its order in memory is kept.

    Copying costs 1 µs for 8 kB, 20 µs for 800 kB and 0.3 ms for 8 MB. A flag does not tell who else can write: a
    view that was taken before an array was made read-only stays writable.
    """
    base: object = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, bytes) and not array.flags.writeable:
        return array.view()  # an object of its own, for whoever has one can give it another shape or type
    order: Any = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    return np.ndarray(array.shape, array.dtype, array.tobytes(order), order=order)


def _frozen_objects(array: np.ndarray) -> tuple[np.ndarray, float]:
    if array.dtype != object:
        raise _refusal(array, "arrays of numbers, text of fixed length or whole objects")
    items, size_bytes = _frozen_items(array.reshape(-1))
    frozen = np.empty(len(items), dtype=object)
    for place, item in enumerate(items):
        frozen[place] = item
    frozen.flags.writeable = False
    return frozen.reshape(array.shape), size_bytes  # a view: its flag cannot be set while that of its base is not


def _frozen_masked(array: Any) -> tuple[Any, float]:
    data, size_bytes = _frozen_array(np.asarray(array.data))
    mask = _in_bytes(np.ma.getmaskarray(array))
    fill: Any = array.fill_value if array._fill_value is not None else None
    frozen: Any = np.ma.MaskedArray(data, mask, fill_value=fill, hard_mask=array.hardmask, copy=False, shrink=False)
    return frozen, size_bytes + mask.nbytes


def _frozen_spec(value: Spec) -> tuple[Spec, float]:
    """Weighs what its JSON does."""
    if value.__pydantic_private__:
        raise _refusal(value, "specifications without private state")
    changed, _ = _changed(value.__dict__)
    if changed:
        value = value.model_copy(update=changed)
    return value, float(len(to_json(value, by_alias=False, inf_nan_mode="null", fallback=_as_dictionary)))


def _as_dictionary(value: Any) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise _refusal(value, "specifications of what JSON knows")


def _frozen_dataclass(value: Any) -> tuple[Any, float]:
    kind = type(value)
    if "__dataclass_params__" not in vars(kind) or not kind.__dataclass_params__.frozen:
        raise _refusal(value, "frozen dataclasses")
    rebuilt = object.__new__(kind)  # refuses what is also a container of another kind
    names = [field.name for field in dataclasses.fields(value)]
    slots = {slot for base in kind.__mro__ for slot in _slots(base)} - {"__dict__", "__weakref__"}
    if not slots <= set(names):
        raise _refusal(value, "frozen dataclasses without state beside their fields")
    state = {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in names}}
    changed, sizes = _changed(state)
    size_bytes = math.fsum(sizes[name] for name in names)
    if not changed:
        return value, size_bytes
    for name, part in {**state, **changed}.items():
        object.__setattr__(rebuilt, name, part)
    return rebuilt, size_bytes


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _changed(parts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """Those of the parts that are not frozen, as frozen ones, and the size of each in bytes."""
    frozen = {name: freeze(part) for name, part in parts.items()}
    changed = {name: part for name, (part, _) in frozen.items() if part is not parts[name]}
    return changed, {name: size_bytes for name, (_, size_bytes) in frozen.items()}
