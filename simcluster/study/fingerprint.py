"""Fingerprints: whether scenarios and functions are the same, code and all, so that no two studies are mixed."""

from __future__ import annotations

import functools
import hashlib
import pickle
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from pydantic import BaseModel


def fingerprint(*parts: object) -> str:
    """A digest of scenarios, functions and values, the same in each process.

    Of a function it is that of its code, its defaults, what it encloses and what it names, of an object that of
    its class and its fields. What an installed package defines stands for itself by name; functions and classes of
    a script, a notebook and their own modules are looked into.
    """
    return _Digest().of(list(parts)).hex()


class _Digest:
    """Digests, each made once for each object."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, bytes]] = {}  # with the object, so that its number stays its own

    def of(self, part: Any) -> bytes:
        if part is None or type(part) in (bool, int, float, complex, str, bytes):
            return f"{type(part).__name__} {part!r}".encode()
        if id(part) not in self._known:
            self._known[id(part)] = part, f"round again to {type(part).__qualname__}".encode()
            digest = hashlib.blake2b(digest_size=16)
            for said in self._said(part):
                each = said if isinstance(said, bytes) else self.of(said)
                digest.update(len(each).to_bytes(8) + each)
            self._known[id(part)] = part, digest.digest()
        return self._known[id(part)][1]

    def _said(self, part: Any) -> Iterator[Any]:
        """What a part is made of."""
        yield type(part).__qualname__.encode()
        if isinstance(part, tuple | list):
            yield from part
        elif isinstance(part, set | frozenset):
            yield from sorted(self.of(each) for each in part)
        elif isinstance(part, Mapping):
            for name, value in part.items():
                yield from (name, value)
        elif isinstance(part, functools.partial):
            yield from (part.func, part.args, part.keywords)
        elif isinstance(part, MethodType):
            yield from (part.__func__, part.__self__)
        elif isinstance(part, FunctionType):
            yield from self._function(part)
        elif isinstance(part, CodeType):
            yield from (part.co_code, part.co_names, part.co_varnames, part.co_freevars, part.co_consts)
        elif isinstance(part, type):
            yield from self._class(part)
        elif isinstance(part, ModuleType | BuiltinFunctionType):
            yield part.__name__
        elif isinstance(part, BaseModel):
            yield type(part)
            yield from (getattr(part, name) for name in type(part).model_fields)
        elif isinstance(part, np.ndarray) and part.dtype != object:
            yield from (str(part.dtype), part.shape, part.tobytes())
        elif not _is_installed(type(part).__module__) and hasattr(part, "__dict__"):
            yield from (type(part), vars(part))
        else:
            yield from self._of_a_package(part)

    def _of_a_package(self, part: Any) -> Iterator[Any]:
        """An object of a class of a package: what it would be stored as; a lock, say, is only what it is."""
        yield type(part)
        try:
            yield pickle.dumps(part)
        except Exception:  # whatever a class raises that was not made for it
            if hasattr(part, "__dict__"):
                yield from (name for name in vars(part))

    def _function(self, function: FunctionType) -> Iterator[Any]:
        yield function.__qualname__
        if _is_installed(function.__module__):
            yield function.__module__
            return
        yield from (function.__code__, function.__defaults__, function.__kwdefaults__)
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # what it encloses is not there yet
                yield None
        for name in _names(function.__code__):
            if name in function.__globals__:
                yield from (name, function.__globals__[name])

    def _class(self, kind: type) -> Iterator[Any]:
        yield kind.__qualname__
        if _is_installed(kind.__module__):
            yield kind.__module__
            return
        yield from kind.__bases__
        for name, value in vars(kind).items():
            value = getattr(value, "__func__", value)  # of what is static, or the class's
            value = value.fget if isinstance(value, property) else value
            if isinstance(value, FunctionType):
                yield from (name, value)


def _names(code: CodeType) -> list[str]:
    """The names that a function asks for, and those of the functions in it."""
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each)]
    return sorted({*code.co_names, *inner})


@functools.cache
def _is_installed(module: str) -> bool:
    """Whether a module is no script and none beside it."""
    if module.partition(".")[0] == "simcluster":
        return not module.startswith("simcluster.experiments")
    if module == "__main__":
        return False
    found = getattr(sys.modules.get(module), "__file__", None)
    if found is None:
        return module in sys.builtin_module_names
    kept = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")}
    return any(folder in Path(found).resolve().parents for folder in kept)
