"""The held-out split: rows that are not learned from, so that what was learned can be judged by them."""

from __future__ import annotations

import numpy as np

from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Integers


def held_out_rows(data: Dataset, share: float, generator: np.random.Generator) -> tuple[Integers, Integers]:
    """The row numbers that are learned from and those that are held out, each in order; the latter are ``share`` of n.

    Where there are labels each class is held out alike, to less than a row (stratified): the shuffled rows stand by
    class, and every n/k-th is taken. Raises ``ValueError`` unless both parts have a row.
    """
    rows = len(data)
    count = round(share * rows)
    if not 1 <= count < rows:
        raise ValueError(f"held_out must leave a row to learn from and one to judge by, got {share} of {rows} rows")
    shuffled = generator.permutation(rows)
    if data.classes is not None:
        shuffled = shuffled[np.argsort(data.targets[shuffled], kind="stable")]
    places = np.floor((np.arange(count) + generator.random()) * (rows / count)).astype(np.int64)
    held = np.zeros(rows, dtype=bool)
    held[shuffled[np.minimum(places, rows - 1)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def held_out_split(data: Dataset, share: float, generator: np.random.Generator) -> tuple[Dataset, Dataset]:
    """The data that is learned from and the data that is held out, see ``held_out_rows``."""
    learned, held = held_out_rows(data, share, generator)
    first, second = (Dataset(data.features[rows], data.targets[rows], data.classes) for rows in (learned, held))
    return first, second
