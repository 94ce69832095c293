"""Files of data: tables of named columns, and NumPy's arrays."""

from __future__ import annotations

import stat
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.engine import Name, Spec, check_differ
from simcluster.learning.data.frames import arrays, frame
from simcluster.learning.dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd


class MissingFile(ValueError):
    """A file of data is not here; it may be where the scenario is run."""


class Table(Spec):
    """What a file of columns is read for: one column of targets, the others, or those that are named, features.

    Targets that are whole numbers are labels unless ``labels`` says otherwise. ``load`` raises ``ValueError`` where a
    column is missing, or holds what is no number.
    """

    path: Path
    """The file."""
    target: Annotated[str, Field(min_length=1)]
    """The column of targets."""
    features: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The columns of features, in this order (``None``: all others)."""
    labels: bool | None = None
    """Whether targets are labels 0, 1, … (``None``: where they are whole numbers)."""
    scaled: bool = False
    """Whether each feature is scaled to [0, 1]."""

    @model_validator(mode="after")
    def _columns_differ(self) -> Table:
        check_differ("target and features", (self.target, *(self.features or ())))
        return self

    def _dataset(self, read: str) -> Dataset:
        return _file(read, self.path, _stamp(self.path), self.target, self.features, self.labels, self.scaled)


class Csv(Table):
    """A file of comma-separated values whose first line names the columns."""

    kind: Literal["csv"] = "csv"

    def load(self, seed: int = 0) -> Dataset:
        """The file's data."""
        return self._dataset("read_csv")


class Parquet(Table):
    """A Parquet file; pandas needs pyarrow to read it."""

    kind: Literal["parquet"] = "parquet"

    def load(self, seed: int = 0) -> Dataset:
        """The file's data."""
        return self._dataset("read_parquet")


class ArrayFile(Spec):
    """What NumPy's files are read for, without pickle: features (n, d), and targets (n,).

    Targets of a type of whole numbers are labels unless ``labels`` says otherwise. ``load`` raises ``ValueError`` where
    an array is missing, holds what is no number, or has another shape.
    """

    labels: bool | None = None
    """Whether targets are labels 0, 1, … (``None``: where they are whole numbers)."""
    scaled: bool = False
    """Whether each feature is scaled to [0, 1]."""

    def _dataset(self, features: _Place, targets: _Place) -> Dataset:
        return _arrays(*[(*place, _stamp(place[0])) for place in (features, targets)], self.labels, self.scaled)


class Npy(ArrayFile):
    """Two .npy files, of features and of targets."""

    kind: Literal["npy"] = "npy"
    path: Path
    """The file of the features."""
    targets: Path
    """The file of the targets."""

    def load(self, seed: int = 0) -> Dataset:
        """The files' data."""
        return self._dataset((self.path, None), (self.targets, None))


class Npz(ArrayFile):
    """A .npz file, in which arrays have names."""

    kind: Literal["npz"] = "npz"
    path: Path
    """The file."""
    features: Name = "features"
    """The name of the array of features."""
    targets: Name = "targets"
    """The name of the array of targets."""

    def load(self, seed: int = 0) -> Dataset:
        """The file's data."""
        return self._dataset((self.path, self.features), (self.path, self.targets))


_Place = tuple[Path, str | None]
"""A file, and the name of an array in it, where it has names."""


def _stamp(path: Path) -> int | None:
    """When a file was changed, ``None`` where there is none. Raises ``ValueError`` for what is no file."""
    try:
        about = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ValueError(f"path must name a file that can be read, got {str(path)!r} ({error})") from None
    if not stat.S_ISREG(about.st_mode):
        raise ValueError(f"path must name a file, got {str(path)!r}, which is none")
    return about.st_mtime_ns


_Stamped = tuple[Path, str | None, int | None]


@cache
def _file(
    read: str, path: Path, stamp: int | None, target: str, features: tuple[str, ...] | None, labels: bool | None,
    scaled: bool,
) -> Dataset:  # fmt: skip
    import pandas as pd

    broken = (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning)
    table = _readable(path, lambda: _read(read, path), "a file of columns", broken)
    try:
        return frame(table, target, features, labels=labels, scaled=scaled)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


@cache
def _arrays(features: _Stamped, targets: _Stamped, labels: bool | None, scaled: bool) -> Dataset:
    read = [_array(path, name) for path, name, _ in (features, targets)]
    try:
        return arrays(*read, labels=labels, scaled=scaled)
    except ValueError as error:
        raise ValueError(f"{features[0]}: {error}") from None


def _array(path: Path, name: str | None) -> Any:
    """The array in a file, or the one of this name."""
    broken = (ValueError, EOFError, KeyError, MemoryError, RuntimeError, zlib.error, zipfile.BadZipFile)
    what = "a .npy file of numbers" if name is None else f"a .npz file with an array {name!r} of numbers"
    return _readable(path, lambda: _loaded(path, name), what, broken)


def _loaded(path: Path, name: str | None) -> Any:
    with path.open("rb") as file:
        read = np.load(file, allow_pickle=False)
        if isinstance(read, np.ndarray) == (name is not None):
            raise ValueError("it is the other of .npy and .npz")
        return read if name is None else read[name]


def _readable(path: Path, read: Callable[[], Any], what: str, broken: tuple[type[Exception], ...]) -> Any:
    """What ``read`` gives of a file that should be ``what``, and raises an error of ``broken`` where it is not."""
    try:
        return read()
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFile(f"path must name a file that there is, got {str(path)!r}") from None
    except OSError as error:
        raise ValueError(f"path must name a file that can be read, got {str(path)!r} ({error.strerror})") from None
    except broken as error:
        raise ValueError(f"path must name {what}, got {str(path)!r} ({' '.join(str(error).split())})") from None


def _read(read: str, path: Path) -> pd.DataFrame:
    import pandas as pd  # late, as not every run reads a table

    if read == "read_parquet":
        return pd.read_parquet(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a line of more fields than there are columns
        return pd.read_csv(path, index_col=False)
