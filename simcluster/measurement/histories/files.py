"""Histories in files, line by line, of whatever length: records of a trace, Jepsen's maps and its log."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

from simcluster.measurement.histories.edn import forms
from simcluster.measurement.histories.history import Events, History
from simcluster.measurement.histories.jepsen import LOG_LINE, take_log_line, take_map
from simcluster.measurement.histories.operation import BadHistory

Format = Literal["json", "edn", "log"]

LONGEST_LINE = 2**24
_BYTES_OF_AN_OPERATION = 600  # measured, with small values; what its line has comes on top


class TooLarge(Exception):
    """A history that needs more memory than it may have: so many operations were read of it."""

    def __init__(self, operations: int, memory_bytes: float) -> None:
        self.operations = operations
        super().__init__(f"the limit of {memory_bytes:g} bytes of memory was met, with {operations} operations read")


def read_history(path: Path | str, memory_bytes: float = math.inf) -> History:
    """The history in a file, whose format is recognised by its first line that is no comment.

    ``json``: an object a line, records of a trace (``History.write``) or operations of Jepsen's. ``edn``: maps, one
    after the other or in one vector or list. ``log``: lines of Jepsen's log. A file without operations is an empty
    history. Raises ``BadHistory`` with the line that breaks a rule, ``TooLarge`` as soon as the operations would take
    more than about ``memory_bytes``, ``OSError`` where there is no such file.
    """
    with Path(path).open("rb") as file:
        lines = _Lines(file)
        events = Events()
        for _ in _events(events, lines):
            if len(events) * _BYTES_OF_AN_OPERATION + lines.read_bytes > memory_bytes:
                raise TooLarge(len(events), memory_bytes)
    return events.history()


def format_of(line: str) -> Format:
    """The format whose first line this is. Raises ``ValueError`` for none."""
    text = line.lstrip()
    if LOG_LINE.match(text) or text.startswith(("INFO", "WARN", "DEBUG", "ERROR", "TRACE")) or " jepsen." in text:
        return "log"
    if text.startswith("{") and text[1:].lstrip()[:1] in ('"', "}"):
        return "json"
    if text.startswith(("{", "[", "(", "#")):
        return "edn"
    raise ValueError(f"a history must be JSON Lines, EDN or a log of Jepsen's, got {text[:40]!r}")


class _Lines:
    """The lines of a file as text, with their numbers."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read_bytes = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        number = 0
        while line := self._file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise BadHistory(number, f"a line must have at most {LONGEST_LINE} bytes, got more")
            self.read_bytes += len(line)
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise BadHistory(number, f"text must be UTF-8, got byte 0x{line[error.start]:02x}") from None


def _events(events: Events, lines: _Lines) -> Iterator[None]:
    """Take the events of a file in, one after the other."""
    each = iter(lines)
    for number, text in each:
        if not text.strip() or text.lstrip().startswith(";"):
            continue
        try:
            kind = format_of(text)
        except ValueError as error:
            raise BadHistory(number, str(error)) from None
        rest = _again((number, text), each)
        yield from {"json": _json, "edn": _edn, "log": _log}[kind](events, rest)
        return


def _again(first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from rest


def _json(events: Events, lines: Iterator[tuple[int, str]]) -> Iterator[None]:
    last: dict[str, float] = {}
    for number, text in lines:
        if not text.strip():
            continue
        try:
            given = json.loads(text, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise BadHistory(number, f"a line must be a JSON object, got {text[:40]!r} ({error})") from None
        if not isinstance(given, dict):
            raise BadHistory(number, f"a line must be a JSON object, got {text[:40]!r}")
        if "kind" in given:
            events.take_row(number, given)
        else:
            take_map(events, number, given, last)
        yield


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ``ValueError`` for a name that is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"names must differ, got {next(name for name in found if names.count(name) > 1)!r} twice")
    return found


def _edn(events: Events, lines: Iterator[tuple[int, str]]) -> Iterator[None]:
    last: dict[str, float] = {}
    for number, form in forms(lines, 10**6):
        take_map(events, number, form, last)
        yield


def _log(events: Events, lines: Iterator[tuple[int, str]]) -> Iterator[None]:
    for number, text in lines:
        take_log_line(events, number, text)
        yield
