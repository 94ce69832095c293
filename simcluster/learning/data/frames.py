"""Data that one has: arrays and frames, read as features and targets, and what cannot be learned from is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array
from simcluster.learning.sizes import MOST_CLASSES

if TYPE_CHECKING:
    import pandas as pd


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
        greatest = targets.max(initial=0)
        if greatest >= MOST_CLASSES:
            raise ValueError(f"labels must be less than {MOST_CLASSES} (labels=False reads numbers), got {greatest}")
        return Dataset(features, targets.astype(np.int64), int(greatest) + 1)
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
    """Each feature from 0 to 1. Raises ``ValueError`` where one goes over a range that is no number."""
    if not np.isfinite(features).all():  # which no data set takes
        return features
    low, high = features.min(axis=0), features.max(axis=0)
    with np.errstate(over="ignore"):
        spread = high - low
    if not np.isfinite(spread).all():
        column = int(np.argmax(~np.isfinite(spread)))
        rule = "features must go over a range that is a number to be scaled"
        raise ValueError(f"{rule}, got {low[column]:g} to {high[column]:g} in column {column}")
    return np.asarray((features - low) / np.where(high > low, spread, 1.0))
