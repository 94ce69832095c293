"""Documents: the text of a YAML or JSON file as plain data, in which each value knows its line.

YAML is read by the core schema of YAML 1.2, not by PyYAML's rules of 1.1: only ``true`` and ``false`` are truths
(``on`` and ``no`` are text), ``1e-3`` is a number, ``010`` is ten, and ``1:30`` and ``2026-01-31`` are text. A key is
text, whatever it looks like. Nothing is made of a file but mappings, sequences, text, numbers, truths and nulls: a tag
is an error. An alias stands for what its anchor marks, as if it were written out, and counts as much.

JSON is read as strictly as RFC 8259 asks, without NaN and Infinity: a number that is not finite is text
(``"Infinity"``), as a ``Spec`` writes it.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

from simcluster.scenario.text import json_text, yaml_text
from simcluster.scenario.text.document import BYTES, Broken, InvalidFile, Node, told

SUFFIXES = (".yaml", ".yml", ".json")
"""What the name of a file that is read or written may end in."""

#: What YAML allows in no text, and JSON in none that is useful.
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LISTED = " or ".join(", ".join(SUFFIXES).rsplit(", ", 1))


def read_document(path: Path | str) -> Node:
    """The document in a .yaml, .yml or .json file.

    Raises ``InvalidFile`` where it cannot be read, with the line where there is one.
    """
    path = Path(path)
    check_suffix(path)
    try:
        return parse(_text(path), json=path.suffix == ".json")
    except Broken as broken:
        raise InvalidFile(told(path, broken.line, str(broken))) from None


def check_suffix(path: Path) -> None:
    """Raise ``InvalidFile`` for a file that is neither YAML nor JSON by its name."""
    if path.suffix not in SUFFIXES:
        raise InvalidFile(told(path, None, f"the name of a file must end in {_LISTED}, got {path.name!r}"))


def parse(text: str, json: bool = False) -> Node:
    """The document that a text is. Raises ``Broken``."""
    if (control := _CONTROL.search(text)) is not None:
        line = text.count("\n", 0, control.start()) + 1
        raise Broken(line, f"the text must have no control characters, got {control[0]!r}")
    if not text.strip():
        raise Broken(None, "the file must hold a mapping of fields, got nothing")
    root = json_text.parse(text) if json else yaml_text.parse(text)
    if not isinstance(root.value, dict):
        raise Broken(root.line, f"the file must hold a mapping of fields, got {_what(root.value)}")
    return root


def _what(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list) else repr(value)[:80]


def _text(path: Path) -> str:
    """The text of a file."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            kind = "a directory" if stat.S_ISDIR(about.st_mode) else "what is no regular file"
            raise Broken(None, f"it must be a file, got {kind}")
        with path.open("rb") as file:
            read = file.read(BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise Broken(None, f"it must be a file that can be read, got: {reason}") from None
    if len(read) > BYTES:
        raise Broken(None, f"a file must have at most {BYTES} bytes, got {max(about.st_size, len(read))}")
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = read.count(b"\n", 0, error.start) + 1
        raise Broken(line, f"the text must be UTF-8, got the byte {read[error.start]:#04x}") from None
