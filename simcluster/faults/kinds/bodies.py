"""Bodies: what a fault can do to the numbers inside a message."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import Spec

Numbers = NDArray[Any]
Change = Callable[[Numbers], Numbers]
"""Takes floating-point numbers of any shape, gives as many of the same type."""


def map_numbers(body: Any, change: Change) -> Any:
    """``body`` with ``change`` made to each array of floats and each float in it, in order.

    Whole numbers, truth values and text stay, for they say which step, row or key is meant and not what was
    computed. Tuples, lists, mappings, frozen dataclasses and specifications are looked into.
    """
    if isinstance(body, np.ndarray):
        if not np.issubdtype(body.dtype, np.floating):
            return body
        with np.errstate(over="ignore"):  # a lie may be greater than numbers of few bits can be
            changed = np.asarray(change(np.asarray(body)), dtype=body.dtype).reshape(body.shape)
        if isinstance(body, np.ma.MaskedArray):
            return np.ma.MaskedArray(changed, np.ma.getmaskarray(body), fill_value=body.fill_value)
        return changed
    if isinstance(body, float | np.floating):
        return type(body)(change(np.array([body]))[0])
    if isinstance(body, tuple | list):
        parts = [map_numbers(part, change) for part in body]
        return type(body)(*parts) if hasattr(body, "_fields") else tuple(parts)
    if isinstance(body, Mapping):
        return {key: map_numbers(part, change) for key, part in body.items()}
    if isinstance(body, Spec):
        fields = {name: map_numbers(getattr(body, name), change) for name in type(body).model_fields}
        return body.model_copy(update=fields)
    if dataclasses.is_dataclass(body) and not isinstance(body, type):
        fields = {
            field.name: map_numbers(getattr(body, field.name), change)
            for field in dataclasses.fields(body)
            if field.init
        }
        return dataclasses.replace(body, **fields)
    return body


def flip_bit(body: Any, generator: np.random.Generator) -> Any:
    """``body`` with one bit flipped in one of its floating-point numbers; as it is when it has none."""
    sizes: list[int] = []

    def count(numbers: Numbers) -> Numbers:
        sizes.append(numbers.size)
        return numbers

    map_numbers(body, count)
    if not sum(sizes):
        return body
    remaining = int(generator.integers(sum(sizes)))
    draw = generator.random()

    def flip(numbers: Numbers) -> Numbers:
        nonlocal remaining
        place, remaining = remaining, remaining - numbers.size
        if not 0 <= place < numbers.size:
            return numbers
        flipped = np.array(numbers, order="C")
        octets = flipped.reshape(-1).view(np.uint8)  # of which a long double has ten that count, then padding
        width = flipped.dtype.itemsize
        bit = int(draw * min(width, 10) * 8)
        octets[place * width + bit // 8] ^= 1 << bit % 8
        return flipped

    return map_numbers(body, flip)
