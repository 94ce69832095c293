"""One thread for BLAS inside kernels: the same bits whatever the number of cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

SERIAL = 2**18
"""Multiply-adds up to which OpenBLAS stays on one thread by itself (its interface/gemm.c, 4 · 65536)."""

_lock = threading.Lock()
_inside = 0
_before: list[int] = []


@contextmanager
def one_thread(multiply_adds: float) -> Iterator[None]:
    """Hold the BLAS libraries of the process to one thread while the block runs.

    OpenBLAS shares a product of more than SERIAL multiply-adds between cores and then rounds otherwise;
    smaller ones need nothing. Blocks may overlap in several threads: the last one out restores.
    """
    if multiply_adds <= SERIAL and _all_openblas():
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside
    with _lock:
        if _inside == 0:
            _before[:] = [library.get_num_threads() for library in _libraries()]
            for library, threads in zip(_libraries(), _before, strict=True):
                if threads != 1:
                    library.set_num_threads(1)
        _inside += 1


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside == 0:
            for library, threads in zip(_libraries(), _before, strict=True):
                if threads != 1:
                    library.set_num_threads(threads)


@cache
def _libraries() -> tuple[Any, ...]:
    """The BLAS libraries that are loaded; scipy's is, with the module that calls it."""
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


@cache
def _all_openblas() -> bool:
    return all(library.internal_api == "openblas" for library in _libraries())
