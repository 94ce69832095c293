"""Rules that fields and arguments share: types of numbers and of names, and the same said of a plain argument."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field


def _no_truth(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError(f"must be a number and no truth value, got {given}")
    return given


def _printable(given: str) -> str:
    if not given.isprintable():
        raise ValueError(f"must be printable text, got {given!r}")
    return given


NUMBER = BeforeValidator(_no_truth)
"""Metadata of a field that takes a number: ``True`` is none."""
PRINTABLE = AfterValidator(_printable)
"""Metadata of a field that takes a name: no control characters, no line breaks."""

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), NUMBER]
Seconds = NotNegative
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), NUMBER]
Period = Annotated[float, Field(ge=1e-9, allow_inf_nan=False), NUMBER]
"""Seconds that are waited again and again: with less than a nanosecond a run would never come to its end."""
Finite = Annotated[float, Field(allow_inf_nan=False), NUMBER]
Probability = Annotated[float, Field(ge=0, le=1), NUMBER]
Count = Annotated[int, Field(ge=1, le=10**9), NUMBER]
"""How many: a billion at most, which no run lives to see."""
Seed = Annotated[int, Field(ge=0), NUMBER]
Name = Annotated[str, Field(min_length=1), PRINTABLE]


def check_whole(field: str, given: object, least: int = 0, most: float = math.inf) -> None:
    """Raise ``ValueError`` unless ``given`` is a whole number within these bounds."""
    if isinstance(given, bool) or not isinstance(given, int | np.integer):
        raise ValueError(f"{field} must be a whole number, got {given!r}")
    if given < least:
        raise ValueError(f"{field} must be at least {least}, got {given}")
    if given > most:
        raise ValueError(f"{field} must be at most {most}, got {given}")


def check_differ(field: str, given: Iterable[Hashable]) -> None:
    """Raise ``ValueError`` when two of ``given`` are equal."""
    known: dict[Hashable, None] = {}
    for each in given:
        if each in known:
            raise ValueError(f"{field} must differ, got {each!r} more than once")
        known[each] = None


def check_apart(asks: str, who: str, answer: str, those: Sequence[str]) -> None:
    """Raise ``ValueError`` unless nodes of field ``answer`` differ, and ``who``, of field ``asks``, is none of them."""
    if len(set(those)) < len(those):
        raise ValueError(f"{answer} must differ, got {list(those)}")
    if who in those:
        raise ValueError(f"{asks} must be none of the {answer}, got {who!r}")
