"""The trace: append-only records of a run, the only thing that measurement reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simpy

Record = Callable[..., None]


@dataclass(frozen=True)
class Verdict:
    """What became of a run, for whoever reads its figures: a name, and a sentence with the figures behind it."""

    name: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"


_ATOMS = frozenset({str, int, float, bool, type(None)})


def _skip(*values: object) -> None:
    """Record nothing: this kind is not kept."""


def _plain(value: object) -> object:
    """A value as JSON has it, that nobody can change: a NumPy scalar is Python's own number, a list a tuple."""
    if value is None or isinstance(value, str | int | float):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, list | tuple):
        return tuple(_plain(part) for part in value)
    raise TypeError(f"a record holds numbers, text, truth values and lists of them, got {value!r}")


class Trace:
    """What happened, in order: each record has a simulated time in seconds, a kind, and that kind's fields.

    ``kinds`` names the kinds to keep; ``None`` keeps all. A kind that is not kept costs one empty call.
    ``verdicts`` is what has been said of the run as a whole.
    """

    def __init__(self, env: simpy.Environment | None, kinds: Collection[str] | None = None) -> None:
        self._env: Any = env
        self._kinds = kinds
        self._fields: dict[str, tuple[str, ...]] = {}
        self._recorders: dict[str, Record] = {}
        self._rows: list[tuple[Any, ...]] = []
        self.verdicts: list[Verdict] = []

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], kinds: Collection[str] | None = None) -> Trace:
        """A trace of these records, as ``rows`` gives them, of a run that kept ``kinds``; nobody can add any.

        Raises ``ValueError`` for records of one kind that have different fields.
        """
        made = cls(None, kinds)
        for row in rows:
            kind, fields = str(row["kind"]), tuple(row)[2:]
            made._declare(kind, fields)
            made._rows.append((row["time_s"], kind, *(_plain(row[field]) for field in fields)))
        return made

    def without(self, *kinds: str) -> Trace:
        """The same records but for those of ``kinds``, which it does not keep."""
        kept = [kind for kind in self._fields if self.keeps(kind) and kind not in kinds]
        return Trace.of((row for row in self.rows() if row["kind"] not in kinds), kept)

    def __getstate__(self) -> dict[str, Any]:
        """The records and all that is said of them; whoever reads a pickle of it cannot add any."""
        return {**vars(self), "_env": None, "_recorders": {}}

    def __len__(self) -> int:
        return len(self._rows)

    def keeps(self, kind: str) -> bool:
        """Whether records of ``kind`` are kept."""
        return self._kinds is None or kind in self._kinds

    def recorder(self, kind: str, *fields: str) -> Record:
        """A function that appends one record of ``kind``; it takes the values of ``fields``, in order.

        What a value is then is what the record keeps. It raises ``TypeError`` for one that is neither number, text,
        truth value, ``None`` nor a list of them.

        Raises ``ValueError`` when ``kind`` has been declared with other fields.
        """
        self._declare(kind, fields)
        if kind not in self._recorders:
            self._recorders[kind] = self._make(kind, fields) if self.keeps(kind) else _skip
        return self._recorders[kind]

    def sink(self, kind: str, *fields: str) -> list[tuple[Any, ...]] | None:
        """Where compiled code appends its records (time, kind, values…) of ``kind``, ``None`` when none are kept.

        Raises ``ValueError`` when ``kind`` has been declared with other fields.
        """
        self._declare(kind, fields)
        return self._rows if self.keeps(kind) else None

    def verdict(self, name: str, sentence: str) -> None:
        """Say what became of the run, for its result's ``verdicts``; kept whatever kinds of records are.

        It is said once: what has been said is not added again.
        """
        if (said := Verdict(name, sentence)) not in self.verdicts:
            self.verdicts.append(said)

    def _declare(self, kind: str, fields: tuple[str, ...]) -> None:
        known = self._fields.setdefault(kind, fields)
        if known != fields:
            raise ValueError(f"records of kind {kind!r} have the fields {known}, got {fields}")

    def _make(self, kind: str, fields: tuple[str, ...]) -> Record:
        append, env, size = self._rows.append, self._env, len(fields)

        def record(*values: object) -> None:
            if len(values) != size:
                raise ValueError(f"a {kind!r} record takes {fields}, got {values}")
            if not _ATOMS.issuperset(map(type, values)):
                values = tuple(_plain(value) for value in values)
            append((env.now, kind, *values))

        return record

    def rows(self, *kinds: str, start: int = 0) -> Iterator[dict[str, Any]]:
        """The records of these kinds (of all when none is named) as dictionaries, in order, from record ``start``."""
        for time_s, kind, *values in self._rows[start:] if start else self._rows:
            if not kinds or kind in kinds:
                yield {"time_s": time_s, "kind": kind, **dict(zip(self._fields[kind], values, strict=True))}

    def lines(self, kinds: Collection[str] | None = None) -> Iterator[str]:
        """The records (of ``kinds``) as lines of JSON; a float keeps every bit (``repr`` round-trips)."""
        for row in self.rows():
            if kinds is None or row["kind"] in kinds:
                yield json.dumps(row, separators=(",", ":"))

    def digest(self, kinds: Collection[str] | None = None) -> str:
        """A fingerprint of every record: two runs that did the same have the same digest.

        That of the records of ``kinds`` alone is what a run has that keeps no others.
        """
        fingerprint = hashlib.blake2b(digest_size=16)
        for line in self.lines(kinds):
            fingerprint.update(line.encode() + b"\n")
        return fingerprint.hexdigest()

    def write(self, path: Path | str) -> None:
        """Write the records to ``path`` as JSON Lines."""
        with Path(path).open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in self.lines())
