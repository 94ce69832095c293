"""The story of a run: the few records of its trace that matter for one that should not be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]

_FATES = {"duplicate": "duplicated", "hold": "held", "release": "released"}
_ROUTINE = frozenset({"compute", "crash", "loss", "contribution"})  # too many to tell anything, or said by another


@dataclass
class _Line:
    """A line to be told: of a fault or a node's state, of a message with all that became of it, or any other record."""

    time_s: float
    text: str
    fault: bool = False
    odd: bool = False  # a message that was not simply delivered
    to: str = ""  # whom a message is for

    def takes_in(self, other: _Line) -> bool:
        """Say ``other`` in this line too, if it is of the same moment: more of a fault, or one more receiver."""
        if other.time_s != self.time_s or bool(self.to) != bool(other.to):
            return False
        if self.to and self.text == other.text:
            self.to += f", {other.to}"
        elif self.fault and other.fault:
            self.text += f"; {other.text}"
        else:
            return False
        return True

    def __str__(self) -> str:
        return f"{self.time_s:12.6g} s  {self.text.replace('→', f'→ {self.to}', 1) if self.to else self.text}"


def story(rows: Iterable[Row], last: Row | None = None, lines: int = 12) -> str:
    """What led to the record ``last`` (``None``: to the end of the run), in about so many ``lines``.

    A third of them are the last that faults and the states of nodes had, a third the last messages that were dropped,
    held or sent twice, and the rest what happened last at all; in the order of time. A message is one line, with what
    had become of it by then. Where records are left out, a line says how many. Raises ``ValueError`` for fewer than
    three lines.
    """
    if lines < 3:
        raise ValueError(f"lines must be at least 3, got {lines}")
    told: list[_Line] = []
    for line in _lines(_up_to(rows, last)):
        if not (told and told[-1].takes_in(line)):
            told.append(line)
    places = range(len(told))
    kept = {*[place for place in places if told[place].fault][-(lines // 3) :]}
    kept |= {*[place for place in places if told[place].odd][-(lines // 3) :]}
    kept |= {*[place for place in places if place not in kept][len(kept) - lines :]}
    return "\n".join(_with_gaps(told, sorted(kept)))


def _up_to(rows: Iterable[Row], last: Row | None) -> Iterator[Row]:
    for row in rows:
        yield row
        if row == last:
            return


def _with_gaps(told: list[_Line], kept: list[int]) -> Iterator[str]:
    after = 0
    for place in kept:
        if place > after:
            yield f"{'…':>12}    ({place - after} left out)"
        yield str(told[place])
        after = place + 1


def _lines(rows: Iterable[Row]) -> list[_Line]:
    messages: dict[int, _Line] = {}
    told: list[_Line] = []
    for row in rows:
        kind, time_s = row["kind"], row["time_s"]
        if kind == "send":
            messages[row["message"]] = _Line(time_s, f"{row['source']} →  {row['message_kind']}", to=row["target"])
            told.append(messages[row["message"]])
        elif "message" in row and row["message"] in messages:
            line = messages[row["message"]]
            line.text += f", {_fate(row, line.time_s)}"
            line.odd = line.odd or kind != "deliver"
        elif kind == "fault":
            told.append(_Line(time_s, f"{row['name']} {'begins' if row['phase'] == 'begin' else 'ends'}", fault=True))
        elif kind == "node":
            told.append(_Line(time_s, f"{row['node']} is {row['state']}", fault=True))
        elif kind not in _ROUTINE:
            values = ", ".join(f"{name} {value}" for name, value in row.items() if name not in ("time_s", "kind"))
            told.append(_Line(time_s, f"{kind}: {values}"))
    return told


def _fate(row: Row, sent_s: float) -> str:
    after = "" if row["time_s"] == sent_s else f" after {row['time_s'] - sent_s:.3g} s"
    if row["kind"] == "drop":
        return f"dropped{after} ({row['cause']})"
    if row["kind"] == "deliver":
        return f"delivered{after}"
    return f"{_FATES.get(row['kind'], row['kind'].replace('_', ' '))}{after}"
