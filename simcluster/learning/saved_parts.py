"""What stands in the file of a saved model: its head and its arrays, and what is wrong with a file that has others.

Whatever the bytes are, an error says in one line which rule they break, and what stands there instead.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from simcluster.learning.protocols import Array

HEAD = ("format", "format_version", "model", "classes", "checksum")
ARRAYS = ("parameters", "mean", "scale")
_DAMAGED = (
    ValueError, LookupError, TypeError, EOFError, RuntimeError, OSError, OverflowError, MemoryError, zlib.error,
    zipfile.BadZipFile,
)  # fmt: skip
"""What NumPy and zipfile raise for an archive of which a part is not what was written."""


def of_npz(content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """The head and the arrays in the bytes of a .npz file. Raises ``ValueError`` for what is none of a model."""
    if content.startswith(MAGIC_PREFIX):
        raise ValueError("it must be a .npz file, got one of a single array (.npy)")
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError(f"it must be a whole .npz file, got {len(content)} bytes that are none, or that are cut off")
    try:
        archive = np.load(io.BytesIO(content), allow_pickle=False)
    except _DAMAGED:
        raise ValueError("it must be a whole .npz file, got one whose list of arrays is damaged") from None
    with archive:
        _check_names("arrays", archive.files, ("model", "parameters"), ("model", *ARRAYS))
        arrays = {name: _member(archive, name) for name in archive.files}
    head = arrays.pop("model")
    if head.dtype.kind != "U" or head.shape:
        raise ValueError(f"its array 'model' must be one text, got {head.dtype} of the shape {head.shape}")
    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise ValueError(f"its array {name!r} must be of float64, got {array.dtype}")
    return _checked_head(_json(str(head), "its array 'model' must be JSON")), arrays


def of_json(content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """The head and the arrays in the bytes of a .json file. Raises ``ValueError`` for what is none of a model."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        byte = f"{content[error.start]:#04x} at {error.start}"
        raise ValueError(f"it must be text in UTF-8, got the byte {byte}") from None
    head = _json(text, "it must be JSON")
    written = head.pop("arrays", None)
    _checked_head(head)
    if not isinstance(written, dict):
        raise ValueError(f"its arrays must be a mapping, got {_short(written)}")
    _check_names("arrays", written, ("parameters",), ARRAYS)
    return head, {name: _array(name, each) for name, each in written.items()}


def _member(archive: Any, name: str) -> Any:
    """One array of an archive."""
    try:
        return archive[name]
    except _DAMAGED:
        raise ValueError(f"its array {name!r} must be whole and of numbers or text, got one that is not") from None


def _json(text: str, rule: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except json.JSONDecodeError as error:
        end = "the end" if error.pos >= len(text.rstrip()) else _short(text[error.pos : error.pos + 20])
        raise ValueError(f"{rule}, got {end} in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"{rule}, got lists within lists without end") from None
    if not isinstance(read, dict):
        raise ValueError(f"{rule} of a mapping, got {_short(read)}")
    return read


def _checked_head(head: dict[str, Any]) -> dict[str, Any]:
    _check_names("parts", head, HEAD, HEAD)
    if not isinstance(head["model"], dict):
        raise ValueError(f"its model must be a mapping with kind, got {_short(head['model'])}")
    return head


def _check_names(what: str, got: Iterable[str], needed: Iterable[str], known: Iterable[str]) -> None:
    names = list(got)
    for name in needed:
        if name not in names:
            raise ValueError(f"its {what} must have {name!r}, got {names}")
    for name in names:
        if name not in known:
            raise ValueError(f"its {what} must be among {list(known)}, got {name!r}")


def _array(name: str, written: Any) -> Array:
    """An array of its ``shape`` and ``values``."""
    if not isinstance(written, Mapping) or set(written) != {"shape", "values"}:
        raise ValueError(f"its array {name!r} must be a mapping of shape and values, got {_short(written)}")
    shape, values = written["shape"], written["values"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"the shape of its array {name!r} must be a list of whole numbers, got {_short(shape)}")
    if not isinstance(values, list):
        raise ValueError(f"the values of its array {name!r} must be a list, got {_short(values)}")
    for value in values:
        if type(value) not in (int, float):
            raise ValueError(f"the values of its array {name!r} must be numbers, got {_short(value)}")
    if math.prod(shape) != len(values):
        rule = f"the values of its array {name!r} must be as many as those of the shape {tuple(shape)}"
        raise ValueError(f"{rule}, {math.prod(shape)}, got {len(values)}")
    try:
        return np.array(values, dtype=np.float64).reshape(shape)
    except OverflowError:  # a whole number that no float comes near
        greatest = max(values, key=abs)
        raise ValueError(f"the values of its array {name!r} must be finite numbers, got {_short(greatest)}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
