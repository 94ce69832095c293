"""Where data comes from: what scikit-learn brings along, files, generators, arrays and frames that one has."""

from __future__ import annotations

import math
import stat
import warnings
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.engine import Count, Open, Spec, check_differ, stream
from simcluster.learning.data.scikit_learn import bundled
from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array, DataSource

if TYPE_CHECKING:
    import pandas as pd

DatasetName = Literal["digits", "breast_cancer", "iris", "wine"]


class MissingFile(ValueError):
    """A file of data is not here; it may be where the scenario is run."""


class Bundled(Spec):
    """A data set that comes with scikit-learn, so nothing is downloaded; each feature is scaled to [0, 1].

    digits: 1797 × 64, 10 classes (Alpaydin & Kaynak 1998); breast_cancer: 569 × 30, 2 classes (Street et al. 1993);
    iris: 150 × 4, 3 classes (Fisher 1936); wine: 178 × 13, 3 classes.
    """

    kind: Literal["bundled"] = "bundled"
    name: DatasetName = "digits"
    """Which one."""

    def load(self, seed: int = 0) -> Dataset:
        """The data set."""
        return _bundled(self.name)


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


class Generated(Spec):
    """What ``sklearn.datasets.make_<name>`` makes, anew for each seed."""

    kind: Literal["generated"] = "generated"
    name: Literal["classification", "regression", "blobs", "moons", "circles", "friedman1"] = "classification"
    """Which of scikit-learn's generators."""
    rows: Annotated[Count, Field(le=10_000_000)] = 1000
    """How many rows it makes, at most ten million."""
    options: dict[str, float | int | bool | str] = Field(default={})
    """What else it is told, by its own names."""
    scaled: bool = False
    """Whether each feature is scaled to [0, 1]."""

    def load(self, seed: int) -> Dataset:
        """The data of this seed. Raises ``ValueError`` for options that the generator does not know."""
        # With their types, for 3 and 3.0 are one key but not one option.
        options = tuple((name, type(value), value) for name, value in sorted(self.options.items()))
        return _generated(self.name, self.rows, options, self.scaled, seed)


def arrays(features: Any, targets: Any, *, labels: bool | None = None, scaled: bool = False) -> Dataset:
    """The data set of features (n, d) and targets (n,), anything that NumPy makes arrays of numbers of.

    Targets that are whole numbers are labels unless ``labels`` says otherwise. Raises ``ValueError`` where something is
    no finite number, or the shapes disagree.
    """
    features, targets = _numbers("features", features), _numbers("targets", targets)
    if labels is None:
        labels = targets.dtype.kind in "bui"
    if labels and not np.array_equal(targets, np.floor(targets)):
        raise ValueError(f"labels must be whole numbers, got {targets[targets != np.floor(targets)][0]}")
    features = features.astype(np.float64)
    if scaled:
        features = _unit(features)
    if labels:
        return Dataset(features, targets.astype(np.int64), int(targets.max(initial=0)) + 1)
    return Dataset(features, targets.astype(np.float64))


def frame(
    table: pd.DataFrame, target: str, features: Sequence[str] | None = None, *, labels: bool | None = None,
    scaled: bool = False,
) -> Dataset:  # fmt: skip
    """The data set of a pandas frame: its column ``target``, and the other columns or those named as ``features``.

    Raises ``ValueError`` where a column is missing, or holds what is no finite number: it names the column and the row.
    """
    chosen = [name for name in table.columns if name != target] if features is None else list(features)
    columns = [str(column) for column in table.columns]
    if not len(table):
        raise ValueError(f"there must be at least one row, got none beside the columns {columns}")
    if len({target, *chosen}) <= len(chosen):
        raise ValueError(f"the target and the features must be different columns, got {[target, *chosen]}")
    for name in (target, *chosen):
        if list(table.columns).count(name) != 1:
            raise ValueError(f"there must be one column {name!r}, got {columns}")
        row = _first_wrong(table[name])
        if row is not None:
            got = table[name].tolist()[row]
            raise ValueError(f"column {name!r} must hold finite numbers, got {got!r} in row {row}")
    whole = all(isinstance(value, int) for value in table[target].tolist())
    targets = table[target].to_numpy(dtype=np.int64 if whole else np.float64)
    return arrays(table[chosen].to_numpy(dtype=np.float64), targets, labels=labels, scaled=scaled)


AnyStillData = Annotated[DataSource, Open(DataSource, Bundled, Csv, Parquet, Generated)]
"""One of the sources above, a ``Dataset`` that one has, or anything with ``load``; in a file ``kind`` says which."""


@cache
def _bundled(name: DatasetName) -> Dataset:
    return arrays(*bundled(name), scaled=True)


@lru_cache(maxsize=8)
def _generated(name: str, rows: int, options: tuple[tuple[str, type, Any], ...], scaled: bool, seed: int) -> Dataset:
    import sklearn.datasets

    state, given = int(stream(seed, "generated").integers(2**31)), {option: value for option, _, value in options}
    try:
        made = getattr(sklearn.datasets, f"make_{name}")(n_samples=rows, random_state=state, **given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"options must be those of make_{name}, got {given} ({error})") from None
    if len(made) != 2:
        raise ValueError(f"options must leave make_{name} with features and targets alone, got {given}")
    return arrays(*made, scaled=scaled)


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


@cache
def _file(
    read: str, path: Path, stamp: int | None, target: str, features: tuple[str, ...] | None, labels: bool | None,
    scaled: bool,
) -> Dataset:  # fmt: skip
    import pandas as pd

    try:
        table = _read(read, path)
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFile(f"path must name a file that there is, got {str(path)!r}") from None
    except OSError as error:
        raise ValueError(f"path must name a file that can be read, got {str(path)!r} ({error.strerror})") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as error:
        raise ValueError(f"path must name a file of columns, got {str(path)!r} ({error})") from None
    try:
        return frame(table, target, features, labels=labels, scaled=scaled)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read(read: str, path: Path) -> pd.DataFrame:
    import pandas as pd  # late, as not every run reads a table

    if read == "read_parquet":
        return pd.read_parquet(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a line of more fields than there are columns
        return pd.read_csv(path, index_col=False)


def _first_wrong(column: pd.Series[Any]) -> int | None:
    """The first row that holds no finite number.

    In a column of text that reads like numbers it is the first that does not, which is what somebody looks for.
    """
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "buif":
        return next(iter(np.flatnonzero(~np.isfinite(column.to_numpy())).tolist()), None)
    values = column.tolist()
    wrong = [row for row, value in enumerate(values) if not _finite(value)]
    import pandas as pd

    text = [row for row in wrong if isinstance(values[row], str)]
    unread = pd.to_numeric(pd.Series([values[row] for row in text]), errors="coerce").isna()
    return next((row for row, bad in zip(text, unread, strict=True) if bad), next(iter(wrong), None))


def _finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # a whole number that no float comes near
        return False


def _numbers(what: str, given: Any) -> Any:
    if np.ma.is_masked(given):
        raise ValueError(f"{what} must not be masked, got {given!r}")
    array = np.asarray(given)
    if array.dtype.kind not in "buif":
        first = next((each for each in array.ravel().tolist() if not isinstance(each, int | float)), array.dtype)
        raise ValueError(f"{what} must be numbers, got {first!r}")
    return array


def _unit(features: Array) -> Array:
    low, high = features.min(axis=0), features.max(axis=0)
    return np.asarray((features - low) / np.where(high > low, high - low, 1.0))
