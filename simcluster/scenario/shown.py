"""Shown: results in a dozen lines and scenarios as what differs from the defaults, in notebooks as tables."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from simcluster.cluster import Ending
from simcluster.engine import Spec, Verdict

Rows = list[tuple[str, str]]

_METRICS, _VERDICTS, _ITEMS = 8, 3, 8
_WIDTH = 100
_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = _WIDTH


class Shown:
    """What prints itself in about a dozen lines: how and when it ended, what is said of it, and its figures."""

    seed: int
    digest: str
    ended: Ending
    ended_s: float
    verdicts: tuple[Verdict, ...]
    metrics: Mapping[str, float | str]
    backlog: Mapping[str, int]
    faults: Sequence[Any]
    faults_never_begun: Sequence[Any]

    def _what(self) -> str:
        """What ran, and on how many nodes."""
        raise NotImplementedError

    def __repr__(self) -> str:
        head, *rows = self._rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join([": ".join(head), *(f"  {name:<{width}}  {said}" for name, said in rows)])

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        return table(": ".join(head), rows)

    def _rows(self) -> Rows:
        never = f", {len(self.faults_never_begun)} of which never began" if self.faults_never_begun else ""
        rows = [
            (f"{type(self).__name__} under seed {self.seed}", f"{self.ended.word} at {self.ended_s:.6g} s"),
            ("scenario", f"{self._what()}, {_counted(len(self.faults), 'fault')}{never}"),
        ]
        said = [_shortened(str(verdict)) for verdict in self.verdicts] or ["none"]
        rows += zip(["verdicts", *[""] * len(said)], _first(said, _VERDICTS), strict=False)
        if self.backlog:
            rows.append(("backlog", _shortened(", ".join(f"{name} {count}" for name, count in self.backlog.items()))))
        figures = {name: value for name, value in self.metrics.items() if value != 0 and name != "ended_s"}
        rows += [(name, _number(value)) for name, value in list(figures.items())[:_METRICS]]
        if (more := len(self.metrics) - min(len(figures), _METRICS) - 1) > 0:
            rows.append(("…", f"{more} more in metrics"))
        return [*rows, ("digest", self.digest)]


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Two columns of text as a table of HTML, in which nothing is markup."""
    body = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(said)}</td></tr>'
        for name, said in rows
    )
    caption = f'<caption style="text-align:left;font-weight:bold">{escape(title)}</caption>'
    return f"<table>{caption}<tbody>{body}</tbody></table>"


def differences(spec: Spec, path: str = "") -> Iterator[tuple[str, str]]:
    """What differs in ``spec`` from its defaults, and in its parts from theirs: fields by their paths, and values."""
    for name, value in spec.__repr_args__():
        at = f"{path}{name}"
        if isinstance(value, Spec):
            if type(spec).model_fields[name].annotation is not type(value):  # else it goes without saying
                yield at, type(value).__name__
            yield from differences(value, f"{at}.")
        elif isinstance(value, tuple) and value and all(isinstance(each, Spec) for each in value):
            alike = [(kind, list(items)) for kind, items in groupby(value, _but_name)]
            said = [f"{f'{len(items)} × ' * (len(items) > 1)}{kind}{_names(items)}" for kind, items in alike]
            yield from ((at, _shortened(each)) for each in _first(said, _ITEMS))
        else:
            yield at, _shortened(_SHORT.repr(value))


def _but_name(spec: Spec) -> str:
    said = ", ".join(f"{name}={_SHORT.repr(value)}" for name, value in spec.__repr_args__() if name != "name")
    return f"{type(spec).__name__}({said})"


def _names(items: Sequence[Spec]) -> str:
    names = [str(name) for name in (getattr(each, "name", None) for each in items) if name is not None]
    if not names:
        return ""
    return f" {names[0]}" if len(names) == 1 else f" {names[0]} … {names[-1]}"


def _first(said: Sequence[str], most: int) -> list[str]:
    return [*said[:most], f"and {len(said) - most} more"] if len(said) > most else list(said)


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'s' * (count != 1)}"


def _number(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
