"""Columns of a table of runs as a figure needs them: checked, labelled with their units, and grouped into cells."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simcluster.engine import hint, printable

#: Units by the suffix that a name ends with.
UNITS = {
    "s": "s", "ms": "ms", "us": "µs", "ns": "ns", "h": "h", "days": "days", "bits": "bits", "bytes": "bytes",
    "kb": "kB", "mb": "MB", "gb": "GB", "flops": "flops", "hz": "Hz", "percent": "%", "j": "J", "w": "W",
}  # fmt: skip
#: What may follow the unit: which statistic of the quantity it is.
STATISTIC = re.compile(r"mean|median|min|max|std|sum|total|p\d+")

LETTERS, ROWS = 34, 3  # of a label in a legend
AXIS_LETTERS = 44  # of the label of an axis
NAMES = 3  # that are listed where many are meant


def label_of(name: object) -> str:
    """The label of an axis for a column, its unit taken from the suffix of its name.

    ``time_s`` is "time (s)", ``sojourn_ms_p99`` "sojourn p99 (ms)", ``bandwidth_bytes_per_s`` "bandwidth (bytes/s)",
    and ``steps_per_s`` "steps (1/s)". A name without a known suffix is given without a unit.
    """
    words = str(name).split("_")
    if "" in words:
        return shortened(str(name), AXIS_LETTERS)
    statistics: list[str] = []
    while len(words) > 1 and STATISTIC.fullmatch(words[-1]):
        statistics.insert(0, words.pop())
    unit = ""
    if len(words) > 2 and words[-2] == "per" and words[-1] in UNITS:
        per = UNITS[words[-1]]
        words = words[:-2]
        unit = f"1/{per}"
        if len(words) > 1 and words[-1] in UNITS:
            unit = f"{UNITS[words.pop()]}/{per}"
    elif len(words) > 1 and words[-1] in UNITS:
        unit = UNITS[words.pop()]
    return shortened(" ".join([*words, *statistics]), AXIS_LETTERS) + (f" ({unit})" if unit else "")


def shortened(text: str, letters: int = LETTERS * ROWS - 6) -> str:
    """``text`` as it can be shown, with its middle left out where it has more than so many ``letters``."""
    shown = printable(text)
    half = (letters - 1) // 2
    return shown if len(shown) <= letters else f"{shown[:half]}…{shown[-half:]}"


def distinct(names: Sequence[str]) -> list[str]:
    """The names as a legend can show them: in few rows, and those that look alike thereby numbered."""
    seen: dict[str, int] = {}
    shown = []
    for name in names:
        short = "\n".join(textwrap.wrap(shortened(name), LETTERS, drop_whitespace=False)) or "(empty)"
        seen[short] = seen.get(short, 0) + 1
        shown.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return shown


def column(frame: pd.DataFrame, field: str, name: object) -> pd.Series[Any]:
    """The column ``name`` of a table of runs, which the option ``field`` named. Raises ``ValueError`` for none such."""
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"frame must be a pandas DataFrame with one row a run, got {type(frame).__name__}")
    if [each == name for each in frame.columns].count(True) != 1:
        known = [str(each) for each in frame.columns]
        near = hint(name, known)
        listed = "" if near else f"; it has {', '.join(map(repr, known)) or 'none'}"
        raise ValueError(f"{field} must be one column of the table, got {name!r}{near}{listed}")
    if frame.empty:
        raise ValueError("frame must have at least one run, got none")
    return frame[name]


def numbers(frame: pd.DataFrame, field: str, name: object) -> NDArray[np.float64]:
    """The numbers of a column (runs,), NaN where a run has none. Raises ``ValueError`` for a column of others."""
    given = column(frame, field, name)
    try:
        return np.asarray(given.astype(object).where(given.notna(), np.nan), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{field} must be a column of numbers, got {name!r} ({error})") from error


@dataclass(frozen=True)
class Cell:
    """The runs that share their values of the columns ``by``: its label, and the places of its rows (runs,)."""

    label: str
    rows: NDArray[np.intp]


def names(field: str, by: str | Sequence[str] | None) -> list[str]:
    """The columns that ``by`` names: none, one or several."""
    if by is None:
        return []
    given = [by] if isinstance(by, str) else by
    if not isinstance(given, Iterable):
        raise ValueError(f"{field} must be a column of the table or several, got {by!r}")
    return list(given)


def cells(frame: pd.DataFrame, field: str, by: Sequence[str]) -> list[Cell]:
    """The cells of a table, numbers in their order and text as it first comes; one of all runs without ``by``."""
    places: dict[tuple[int, ...], list[int]] = {}
    values, codes = [], []
    for name in by:
        code, value = levels(column(frame, field, name))
        codes.append(code)
        values.append(value)
    for row in range(len(frame)):
        places.setdefault(tuple(int(code[row]) for code in codes), []).append(row)
    keys = sorted(places)
    labels = distinct([", ".join(value[level] for value, level in zip(values, key, strict=True)) for key in keys])
    return [
        Cell(label if by else "all runs", np.array(places[key]))
        for label, key in zip(labels, keys, strict=True)
    ]  # fmt: skip


def levels(values: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """For each value of a column its level (runs,), and the levels in words: numbers in order, else as they come."""
    ordered = pd.api.types.is_numeric_dtype(values.dtype)
    try:
        codes, found = pd.factorize(values, sort=ordered, use_na_sentinel=False)
    except TypeError as error:
        raise ValueError(f"a parameter must be text, numbers or truths, got {values.name!r} ({error})") from error
    return np.asarray(codes, dtype=np.intp), [in_words(value) for value in found]


def in_words(value: object) -> str:
    """A parameter in few letters: numbers without the zeros that they do not need."""
    if isinstance(value, (float, np.floating)):
        return f"{value:g}"
    return str(value)


def check_runs(frame: pd.DataFrame, by: Sequence[str]) -> None:
    """Raise ``ValueError`` unless there is one run for each seed and each value of the columns ``by``."""
    column(frame, "frame", "seed")
    keys = list(dict.fromkeys([*by, "seed"]))
    twice = frame.duplicated(keys)
    if twice.any():
        first = frame[keys][twice].iloc[0]
        cell = ", ".join(f"{name}={shortened(repr(value))}" for name, value in first.items())
        others = [str(name) for name in frame.columns if name not in keys and frame[name].nunique() > 1][:NAMES]
        raise ValueError(
            f"frame must have one run for each seed of a cell, got several for {cell}: "
            f"choose those of one value, or another 'by', of the columns that differ ({', '.join(others) or 'none'})"
        )


def title_of(title: str | None, *names: object, between: str = " over ") -> str:
    """The title that was given, else one that names the columns without their units."""
    said = between.join(label_of(name).partition(" (")[0] for name in names)
    return shortened(said[:1].upper() + said[1:], 70) if title is None else title
