"""Shown: results in a dozen lines and scenarios as what differs from the defaults, in notebooks as tables."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any, Protocol

from simcluster.cluster import Ending
from simcluster.engine import Spec, Verdict

Rows = list[tuple[str, str]]

_METRICS, _VERDICTS, _ITEMS = 8, 3, 8
_WIDTH = 100
_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = _WIDTH


class Facts(Protocol):
    """What is shown of a result, be it of a run or of a file."""

    @property
    def seed(self) -> int:
        """The run's seed."""

    @property
    def digest(self) -> str:
        """The fingerprint of its trace."""

    @property
    def ended(self) -> Ending:
        """How it ended."""

    @property
    def ended_s(self) -> float:
        """When, in simulated seconds."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What is said of it."""

    @property
    def metrics(self) -> Mapping[str, float | str]:
        """Its figures."""

    @property
    def backlog(self) -> Mapping[str, int]:
        """What waits."""

    @property
    def faults(self) -> Sequence[Any]:
        """All faults."""

    @property
    def faults_never_begun(self) -> Sequence[Any]:
        """Those that never began."""


def printed(result: Facts, what: str) -> str:
    """A result in about a dozen lines: how and when it ended, what is said of it, and its figures; ``what`` ran."""
    head, *rows = _rows(result, what)
    width = max(len(name) for name, _ in rows)
    return "\n".join([": ".join(head), *(f"  {name:<{width}}  {said}" for name, said in rows)])


def tabulated(result: Facts, what: str) -> str:
    """The same as a table of HTML."""
    head, *rows = _rows(result, what)
    return table(": ".join(head), rows)


def _rows(result: Facts, what: str) -> Rows:
    never = f", {len(result.faults_never_begun)} of which never began" if result.faults_never_begun else ""
    rows = [
        (f"{type(result).__name__} under seed {result.seed}", f"{result.ended.word} at {result.ended_s:.6g} s"),
        ("scenario", f"{what}, {_counted(len(result.faults), 'fault')}{never}"),
    ]
    said = _first([_shortened(str(verdict)) for verdict in result.verdicts] or ["none"], _VERDICTS)
    rows += zip(["verdicts", *[""] * (len(said) - 1)], said, strict=True)
    if result.backlog:
        rows.append(("backlog", _shortened(", ".join(f"{name} {count}" for name, count in result.backlog.items()))))
    figures = {name: value for name, value in result.metrics.items() if value != 0 and name != "ended_s"}
    rows += [(name, _number(value)) for name, value in list(figures.items())[:_METRICS]]
    if (more := len(result.metrics) - min(len(figures), _METRICS) - 1) > 0:
        rows.append(("…", f"{more} more in metrics"))
    return [*rows, ("digest", result.digest)]


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
            if type(spec).model_fields[str(name)].annotation is not type(value):  # else it goes without saying
                yield at, type(value).__name__
            yield from differences(value, f"{at}.")
        elif isinstance(value, tuple) and value and all(isinstance(each, Spec) for each in value):
            alike = [(kind, list(items)) for kind, items in groupby(value, _but_name)]
            said = [f"{f'{len(items)} × ' * (len(items) > 1)}{kind}{_names(items)}" for kind, items in alike]
            yield from ((at, _shortened(each)) for each in _first(said, _ITEMS))
        else:
            yield at, _shortened(_in_words(value))


def _in_words(value: Any) -> str:
    """A value without the address that Python would give for a function and for most objects."""
    if inspect.isfunction(value):
        return value.__qualname__
    if not any("__repr__" in vars(kind) for kind in type(value).__mro__[:-1]):
        made = ", ".join(f"{name}={_SHORT.repr(part)}" for name, part in getattr(value, "__dict__", {}).items())
        return f"{type(value).__qualname__}({made})"
    return _SHORT.repr(value)


def _but_name(spec: Spec) -> str:
    said = ", ".join(f"{name}={_in_words(value)}" for name, value in spec.__repr_args__() if name != "name")
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
