"""Data sets: real ones that come with scikit-learn, so nothing is downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

DatasetName = Literal["digits", "breast_cancer", "iris", "wine"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features (n, d), float64, and labels (n,), int64 in [0, classes); both read-only.

    Raises ``ValueError`` when the shapes disagree, a feature is NaN or infinite, or a label is out of range.
    """

    name: str
    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    classes: int

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.labels.shape != self.features.shape[:1]:
            raise ValueError(
                f"features must be (n, d) and labels (n,), got {self.features.shape} and {self.labels.shape}"
            )
        if not np.isfinite(self.features).all():
            row, column = np.argwhere(~np.isfinite(self.features))[0]
            value = self.features[row, column]
            raise ValueError(f"features must be finite numbers, got {value} in row {row}, column {column}")
        if self.labels.size and not (self.labels.min() >= 0 and self.labels.max() < self.classes):
            raise ValueError(f"labels must be within [0, {self.classes}), got {np.unique(self.labels)}")
        self.features.flags.writeable = False
        self.labels.flags.writeable = False

    def rows(self, index: NDArray[np.int64]) -> Dataset:
        """The rows with these numbers, as a data set of their own."""
        return Dataset(self.name, self.features[index], self.labels[index], self.classes)


@cache
def load(name: DatasetName) -> Dataset:
    """One of the bundled data sets, each feature scaled to [0, 1] over the whole set.

    digits: 1797 × 64, 10 classes (Alpaydin & Kaynak 1998); breast_cancer: 569 × 30, 2 classes (Street et al.
    1993); iris: 150 × 4, 3 classes (Fisher 1936); wine: 178 × 13, 3 classes. Raises ``ValueError`` otherwise.
    """
    if name not in get_args(DatasetName):
        raise ValueError(f"the data set must be one of {list(get_args(DatasetName))}, got {name!r}")
    import sklearn.datasets  # here, for it takes longer to import than all the rest together

    features, labels = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    low, high = features.min(axis=0), features.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    scaled = np.ascontiguousarray((features - low) / span, dtype=np.float64)
    return Dataset(name, scaled, labels.astype(np.int64), int(labels.max()) + 1)
