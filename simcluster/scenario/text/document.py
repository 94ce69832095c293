"""A document: what the text of a file holds, as plain data in which each value knows its line, and what limits it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BYTES = 16 * 2**20
"""A file of more bytes is not read."""
VALUES = 100_000
"""A file of more values is not read: keys, texts, numbers, mappings, sequences; an alias counts as if written out."""
DEPTH = 64
"""A value that lies in more mappings and sequences than this is not read."""
DIGITS = 1000
"""A number of more characters is not read."""

_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_WHOLE = re.compile(r"[-+]?[0-9]+")


class InvalidFile(ValueError):
    """A file that breaks a rule: the text has a line for each, "FILE:LINE: field: rule, got value"."""


@dataclass(slots=True)
class Node:
    """A value of a document.

    ``value`` is text, a number, a truth, ``None``, a mapping of text to nodes, or a list of them; ``line`` is where it
    stands, or its key if it has one, from 1 on; ``size`` counts it and all that is in it.
    """

    value: Any
    line: int
    size: int = 1

    def plain(self) -> Any:
        """The data, without lines."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        return self.value

    def scalars(self, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Node]]:
        """All that is no mapping and no sequence, each with where it is."""
        parts: Any = self.value.items() if isinstance(self.value, dict) else ()
        parts = enumerate(self.value) if isinstance(self.value, list) else parts
        if not isinstance(self.value, dict | list):
            yield path, self
        for key, each in parts:
            yield from each.scalars((*path, key))


class Broken(Exception):
    """A rule that a text breaks, and on which line."""

    def __init__(self, line: int | None, rule: str) -> None:
        super().__init__(rule)
        self.line = line


def told(path: Path, line: int | None, rule: str) -> str:
    """One line of an error: no control character of a file reaches the terminal, and no long value fills it."""
    said = f"{path}:{line}: {rule}" if line is not None else f"{path}: {rule}"
    if len(said) > 1200:
        said = f"{said[:700]} … {said[-400:]}"
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in said)


def number(text: str, line: int) -> int | float:
    """The number that is written so. Raises ``Broken`` for one that Python does not have."""
    if len(text) > DIGITS:
        raise Broken(line, f"a number must have at most {DIGITS} digits, got {len(text)}: {text[:20]}…")
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _WHOLE.fullmatch(text):
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise Broken(line, f"a number must be one that a float has, got {text[:80]}")
    return value


class Counted:
    """What of a document has been read so far, which is limited."""

    def __init__(self) -> None:
        self.values = 0

    def add(self, line: int, size: int = 1) -> None:
        """So many values more. Raises ``Broken`` when there are too many."""
        self.values += size
        if self.values > VALUES:
            raise Broken(line, f"a file must hold at most {VALUES} values, aliases written out, got more")

    @staticmethod
    def deep(line: int, depth: int) -> None:
        """Raise ``Broken`` for a mapping or a sequence that is in too many others."""
        if depth > DEPTH:
            raise Broken(line, f"values must lie in at most {DEPTH} mappings and lists, got more")


def check_new(key: str, known: dict[str, Node], line: int) -> None:
    """Raise ``Broken`` for a key that the mapping has."""
    if key in known:
        raise Broken(line, f"keys must differ, got {key[:80]!r} again, first on line {known[key].line}")
