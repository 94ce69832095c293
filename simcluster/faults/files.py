"""Files of faults: schedules as JSON, and failure traces as CSV or JSON.

A schedule file is a JSON object: the version of simcluster that saved it, the digest of the scenario that it was saved
for, and ``faults``, a list with one object for each: ``kind``, then its fields. Times keep every bit. The list alone,
as one would write it by hand, is a schedule too.

A failure trace says which node failed from when until when. As CSV its first line names the columns: ``begin_s``,
other fields of a fault (``node``, ``end_s``, ``factor``, …), and ``kind``, the kind of fault, ``crash_node`` where that
is left out. An empty cell leaves a field out, so without ``end_s`` a fault lasts for good. Blank lines and lines
that begin with ``#`` are skipped. As JSON it is a list of objects with the same names.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from simcluster.engine import hint, plugins
from simcluster.faults.fault import Fault
from simcluster.faults.origin import Scene, digest_of, note_origin, version
from simcluster.faults.vocabulary import KINDS, AnyFault

SYNTHETIC_TRACE = Path(__file__).with_name("synthetic_trace.csv")
"""A small failure trace of eight machines over one day; it was drawn, not observed."""

_ADAPTER: TypeAdapter[Fault] = TypeAdapter(AnyFault)
_FIELDS = frozenset(field for kind in KINDS.values() for field in kind.model_fields)
_HEAD = re.compile(
    r'\s*\{\s*"simcluster"\s*:\s*"(?P<version>[^"]*)"\s*,'
    r'\s*"scenario"\s*:\s*(?:null|"(?P<scenario>[^"]*)")\s*,\s*"faults"\s*:'
)
_SPACE = re.compile(r"[ \t\r\n]*")


def plain(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Faults as JSON has them: ``kind``, then the fields.

    Raises ``ValueError`` when JSON would not give the same fault back.
    """
    listed = []
    for fault in faults:
        values = json.loads(_ADAPTER.dump_json(fault))
        try:
            with plugins(type(fault).__module__):
                same = _ADAPTER.validate_python(values) == fault
        except ValidationError:
            same = False
        if not same:
            raise ValueError(f"a fault in a file must have fields that JSON gives back, got {fault!r}")
        listed.append(values)
    return listed


def save_schedule(path: Path | str, faults: Sequence[Fault], scenario: Scene | None = None) -> None:
    """Write a schedule to ``path``, one line for each fault, with the version and the digest of the ``scenario``."""
    head = json.dumps({"simcluster": version(), "scenario": digest_of(scenario)}, indent=2).removesuffix("\n}")
    lines = ",\n".join("    " + json.dumps(fault) for fault in plain(faults))
    Path(path).write_text(f'{head},\n  "faults": [\n{lines}\n  ]\n}}\n', encoding="utf-8")


def load_schedule(path: Path | str, scenario: Scene | None = None) -> tuple[Fault, ...]:
    """The schedule in ``path``, bit for bit as it was saved.

    Warns when it was saved by another version of simcluster, or for another scenario than ``scenario``, if one is
    given. Raises ``ValueError`` with file, line and column.
    """
    path, text = Path(path), _read(path)
    head = _HEAD.match(text)
    if head is None:
        return tuple(_parse(path, text, default_kind=None))
    faults = tuple(_parse(path, text, default_kind=None, begin=head.end(), end="}"))
    note_origin(path, head["version"], head["scenario"], scenario)
    return faults


def read_failure_trace(path: Path | str, default_kind: str = "crash_node") -> tuple[Fault, ...]:
    """The faults in a failure trace (``.csv`` or ``.json``), in the order of the file.

    Raises ``ValueError`` that says the file, the line, the column and the rule. In a CSV file the column counts
    values, in a JSON file characters.
    """
    if default_kind not in KINDS:
        rule = f"default_kind must be one of {list(KINDS)}"
        raise ValueError(f"{rule}, got {default_kind!r}{hint(default_kind, KINDS)}")
    path = Path(path)
    if path.suffix == ".json":
        return tuple(_parse(path, _read(path), default_kind))
    if path.suffix == ".csv":
        return tuple(_rows(path, _read(path), default_kind))
    raise ValueError(f"a failure trace must be a .csv or a .json file, got {path.name!r}")


def malformed(path: Path, line: int, column: int, rule: str) -> ValueError:
    """The error that says where in a file something is wrong."""
    return ValueError(f"{path}, line {line}, column {column}: {rule}")


def _read(path: Path | str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: the text must be UTF-8, got byte {error.object[error.start]:#x}") from None


def _rows(path: Path, text: str, default_kind: str) -> Iterator[Fault]:
    """The faults of a CSV file."""
    kept = ("" if line.startswith("#") else line for line in text.splitlines(keepends=True))
    reader = csv.reader(kept, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise malformed(path, line, 1, f"a line must be CSV, got {error}") from None
        if cells is None:
            break
        line, cells = reader.line_num, [cell.strip() for cell in cells]
        if not any(cells):
            continue
        if header is None:
            header = _header(path, line, cells)
            continue
        if len(cells) != len(header):
            rule = f"a line must have a value for each of the {len(header)} columns, got {len(cells)}"
            raise malformed(path, line, min(len(cells), len(header)) + 1, rule)
        values = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
        try:
            yield _fault(values, default_kind)
        except ValidationError as error:
            name, rule = _said(error, header)
            raise malformed(path, line, header.index(name) + 1 if name in header else 1, rule) from None
    if header is None:
        raise malformed(path, 1, 1, "a failure trace must begin with the names of its columns, got nothing")


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    for place, name in enumerate(cells):
        known = sorted(_FIELDS)
        if name not in known:
            rule = f"a column must be one of {known}, got {name!r}{hint(name, known)}"
            raise malformed(path, line, place + 1, rule)
        if name in cells[:place]:
            raise malformed(path, line, place + 1, f"columns must differ, got {name!r} more than once")
    if "begin_s" not in cells:
        raise malformed(path, line, 1, f"the columns must include 'begin_s', got {cells}")
    return cells


def _parse(path: Path, text: str, default_kind: str | None, begin: int = 0, end: str = "") -> Iterator[Fault]:
    """The faults of a JSON list from place ``begin`` on, read one by one, so that an error knows its place.

    ``end`` is what follows the list, to the end of the text.
    """

    def wrong(place: int, rule: str) -> ValueError:
        return malformed(path, text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place), rule)

    def after_space(place: int) -> int:
        found = _SPACE.match(text, place)
        return found.end() if found else place

    place = after_space(begin)
    if text[place : place + 1] != "[":
        raise wrong(place, f"a list of faults must begin with '[', got {text[place : place + 1]!r}")
    place = after_space(place + 1)
    decoder, first = json.JSONDecoder(), True
    while text[place : place + 1] != "]":
        if not first:
            if text[place : place + 1] != ",":
                raise wrong(place, f"faults must be separated by ',', got {text[place : place + 1]!r}")
            place = after_space(place + 1)
        first = False
        try:
            values, stop = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise wrong(error.pos, f"the text must be JSON: {error.msg}") from None
        if not isinstance(values, dict):
            raise wrong(place, f"a fault must be an object, got {values!r}")
        try:
            yield _fault(values, default_kind)
        except ValidationError as error:
            name, rule = _said(error, list(values))
            key = re.search(rf'"{re.escape(name)}"\s*:', text[place:stop]) if name else None
            raise wrong(place + key.start() if key else place, rule) from None
        place = after_space(stop)
    place = after_space(place + 1)
    if text[place:].rstrip() != end:
        rule = f"{repr(end) if end else 'nothing'} must follow the list of faults"
        raise wrong(place, f"{rule}, got {text[place : place + 12]!r}")


def _fault(values: Mapping[str, Any], default_kind: str | None) -> Fault:
    """The fault with these fields."""
    return _ADAPTER.validate_python({"kind": default_kind, **values} if default_kind else dict(values))


def _said(error: ValidationError, names: Sequence[str]) -> tuple[str, str]:
    """The field that a broken rule is about, and the rule with what it got."""
    detail = error.errors()[0]
    if detail["type"] == "open" and not detail["loc"]:  # which kind of fault it is
        return "kind", detail["msg"]
    said = detail["msg"].removeprefix("Value error, ")
    places = [part for part in detail["loc"][1:] if isinstance(part, str)]
    name = places[0] if places else next((name for name in names if said.startswith(name)), "")
    if ", got " in said:
        return name, said
    return name, f"{name}: {said}" + ("" if detail["type"] == "missing" else f", got {detail['input']!r}")
