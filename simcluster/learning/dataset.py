"""A data set, and rows of one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

GREATEST = 1e140
"""The greatest feature of which sums of squares are sure to be numbers."""


def squarable(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest numbers to ``values`` of which sums of squares are numbers too; 0 for NaN, as a liar may send.

    ``values`` themselves where they are such.
    """
    least, greatest = (each.reduce(values, axis=None, initial=0.0) for each in (np.minimum, np.maximum))
    if least >= -GREATEST and greatest <= GREATEST:  # which NaN is not
        return values
    return np.clip(np.nan_to_num(values), -GREATEST, GREATEST)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features (n, d), float64, and targets (n,): labels, int64 in [0, ``classes``), or float64 where it is ``None``.

    Both are read-only. Raises ``ValueError`` when the shapes disagree, there are no rows, a feature or a target is NaN
    or infinite, or a label is out of range.
    """

    features: NDArray[np.float64]
    targets: NDArray[Any]
    classes: int | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.targets.shape != self.features.shape[:1] or not len(self.targets):
            shapes = f"{self.features.shape} and {self.targets.shape}"
            raise ValueError(f"features must be (n, d) and targets (n,) with n at least 1, got {shapes}")
        if not np.isfinite(self.features).all():
            row, column = np.argwhere(~np.isfinite(self.features))[0]
            value = self.features[row, column]
            raise ValueError(f"features must be finite numbers, got {value} in row {row}, column {column}")
        if not np.isfinite(self.targets).all():
            row = int(np.argmin(np.isfinite(self.targets)))
            raise ValueError(f"targets must be finite numbers, got {self.targets[row]} in row {row}")
        if self.classes is not None and not (self.targets.min() >= 0 and self.targets.max() < self.classes):
            raise ValueError(f"labels must be within [0, {self.classes}), got {np.unique(self.targets)}")
        wanted = np.float64 if self.classes is None else np.int64
        for name, dtype in (("features", np.float64), ("targets", wanted)):
            array = np.array(getattr(self, name), dtype=dtype, order="C")  # a copy, which nobody else has
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.targets)

    def __deepcopy__(self, memo: object) -> Dataset:
        """Itself, for nothing can change it."""
        return self

    def check_squares(self) -> None:
        """Raise ``ValueError`` for a feature so great that sums of its squares may overflow."""
        if self.greatest > GREATEST:
            rule = f"features must be at most {GREATEST:g}, so that sums of squares are numbers"
            raise ValueError(f"{rule}, got {self.greatest}")

    def load(self, seed: int) -> Dataset:
        """Itself: data that one has is a source of data."""
        return self

    def take(self, rows: NDArray[np.int64]) -> Dataset:
        """These rows of it, in this order. Raises ``ValueError`` for none."""
        taken = self.part(rows)
        made = object.__new__(Dataset)  # rows of what has been checked need no check, and indexing has copied them
        for name in ("features", "targets", "classes"):
            object.__setattr__(made, name, getattr(taken, name))
        return made

    def part(self, rows: NDArray[np.int64]) -> Dataset:
        """The same, but that features are copied only when somebody looks at them: for who deals rows by their number.

        Until then it holds all that this one holds. Raises ``ValueError`` for none.
        """
        rows = np.array(rows)
        targets = self.targets[rows]
        if not len(targets):
            raise ValueError(f"rows must be at least one, got none of {len(self)}")
        targets.flags.writeable = False
        made = object.__new__(_Part)
        for name, value in (("_whole", self), ("_rows", rows), ("targets", targets), ("classes", self.classes)):
            object.__setattr__(made, name, value)
        return made

    @property
    def all(self) -> Rows:
        """Every row."""
        return Rows(self)

    @cached_property
    def greatest(self) -> float:
        """The greatest feature, whatever its sign."""
        least, most = (each.reduce(self.features, axis=None, initial=0.0) for each in (np.minimum, np.maximum))
        return float(max(-least, most))

    @cached_property
    def with_ones(self) -> NDArray[np.float64]:
        """The features with a last column of ones, (n, d + 1), whose weight is a bias."""
        made = np.hstack([self.features, np.ones((len(self), 1))])
        made.flags.writeable = False
        return made


class _Part(Dataset):
    _whole: Dataset
    _rows: NDArray[np.int64]

    @cached_property
    def features(self) -> NDArray[np.float64]:
        features = self._whole.features[self._rows]
        features.flags.writeable = False
        return features


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a data set, by number (``None``: all). A kernel that takes ``index`` copies none of them."""

    data: Dataset
    index: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """How many rows these are."""
        return len(self.data) if self.index is None else len(self.index)

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """Their features, (n, d)."""
        return self.data.features if self.index is None else self.data.features[self.index]

    @cached_property
    def targets(self) -> NDArray[Any]:
        """Their targets, (n,)."""
        return self.data.targets if self.index is None else self.data.targets[self.index]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Their numbers in the data set, (n,)."""
        return np.arange(len(self.data)) if self.index is None else self.index

    @property
    def size_bytes(self) -> int:
        """What they weigh, 8 (d + 1) bytes each: their features, and a target."""
        return 8 * len(self) * (int(self.data.features.shape[1]) + 1)
