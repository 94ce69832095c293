"""Tables as files for others: CSV that no spreadsheet runs, and Parquet, which keeps types; both whole or absent."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from importlib.util import find_spec
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simcluster.report.atomic import check_folder, whole_files

#: What a spreadsheet takes for a formula, the wide forms of East Asian keyboards too, or trims before it looks.
#: Source: OWASP, "CSV Injection".
#: A mark of byte order, which a reader drops from the beginning of a file, is kept in the same way.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "\ufeff")

INTEGER = re.compile(r"-?[0-9]+")
REAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|-?inf", re.IGNORECASE)


def write_csv(table: pd.DataFrame, path: Path | str) -> Path:
    """Write ``table`` without its index as UTF-8 CSV, whole or not at all; returns the path.

    Text that begins as a formula does ("=", "+", "-", "@", a tab or a new line) stands behind an apostrophe, names of
    columns too, so that no spreadsheet runs it; numbers stay numbers. ``read_csv`` takes the apostrophe away. A lone
    surrogate, which UTF-8 does not have, is written as its escape. Raises ``ValueError`` when it cannot be written.
    """
    made = _file(path)
    with whole_files(check_folder(made.parent)) as aside:
        to_csv(table, aside / made.name)
    return made


def to_csv(table: pd.DataFrame, path: Path) -> None:
    """The table as ``write_csv`` writes it, at a path aside."""
    shown = table.copy(deep=False)
    shown.columns = pd.Index([_armed(name) for name in table.columns], dtype=object)
    text = list(shown.columns)
    for place, column in enumerate(each for _, each in table.items()):
        if not pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_datetime64_any_dtype(column.dtype):
            cells = [_armed(cell) for cell in column.astype(object)]
            # Not pandas' own text, which has no half of a surrogate pair.
            kept: Any = pd.Series(cells, index=shown.index, dtype=object)
            shown.isetitem(place, kept)
            text += cells
    # A return would end the row, for Python before 3.13 does not quote it of its own accord.
    returns = any(isinstance(cell, str) and "\r" in cell for cell in text)
    shown.to_csv(
        path, index=False, encoding="utf-8", errors="backslashreplace",
        quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL,
    )  # fmt: skip


def read_csv(path: Path | str, *, text: Sequence[str] = ()) -> pd.DataFrame:
    """A table that ``write_csv`` or ``save`` wrote, its numbers to the last bit, its text without apostrophes.

    CSV has no types: a column of numbers alone becomes numbers unless it is among ``text``, and a missing value among
    text becomes empty text. Parquet keeps them. Raises ``ValueError`` for a file that cannot be read.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except OSError as error:
        raise ValueError(f"path: must be a table that can be read, got {str(path)!r} ({error.strerror})") from error
    table.columns = pd.Index([_bare(str(name)) for name in table.columns])
    for place, (name, column) in enumerate(table.items()):
        table.isetitem(place, _typed(column.tolist(), str(name) in text))
    return table


def write_parquet(table: pd.DataFrame, path: Path | str) -> Path:
    """Write ``table`` without its index as Parquet, whole or not at all; returns the path.

    Raises ``ValueError`` without pyarrow, for a column of several types, and when it cannot be written.
    """
    if find_spec("pyarrow") is None:
        raise ValueError("Parquet needs pyarrow: pip install 'simcluster[parquet]'")
    import pyarrow

    made = _file(path)
    with whole_files(check_folder(made.parent)) as aside:
        try:
            table.to_parquet(aside / made.name, engine="pyarrow", index=False)
        except (pyarrow.ArrowTypeError, pyarrow.ArrowInvalid) as error:
            raise ValueError(f"every column of a Parquet file must be of one type, got {error}") from error
    return made


def _typed(cells: list[str], text: bool) -> NDArray[Any]:
    """The cells of a column as truths, as integers, as numbers with NaN for those that are empty, or as text."""
    filled = [] if text else [cell for cell in cells if cell]
    if not text and len(filled) == len(cells):
        if all(cell in ("True", "False") for cell in cells):
            return np.array([cell == "True" for cell in cells], dtype=bool)
        if all(map(INTEGER.fullmatch, cells)):
            return np.array([int(cell) for cell in cells])
    if not text and all(map(REAL.fullmatch, filled)):
        return np.array([float(cell or "nan") for cell in cells])
    return np.array([_bare(cell) for cell in cells], dtype=object)


def _file(path: Path | str) -> Path:
    made = Path(path)
    if made.name in ("", ".."):
        raise ValueError(f"path: must be that of a file, got {str(path)!r}")
    return made


def _armed(cell: Any) -> Any:
    """A cell that no spreadsheet runs; an apostrophe before what would need one has one more, so that none is lost."""
    if cell is None or isinstance(cell, Number) or (pd.api.types.is_scalar(cell) and pd.isna(cell)):
        return cell
    text = str(cell)
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def _bare(text: str) -> str:
    """The text of an armed cell."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text
