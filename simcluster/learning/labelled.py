"""Semi-supervised data: which rows' labels a learner is told."""

from __future__ import annotations

import numpy as np

from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array


def known_rows(kind: str, data: Dataset, labelled: int, generator: np.random.Generator) -> Array:
    """1 at so many rows of each class, drawn at random, whose label is known, and 0 elsewhere, (n,)."""
    if data.classes is None:
        raise ValueError(f"{kind} learns labels, got targets that are none (regression)")
    known = np.zeros(len(data))
    for label, count in zip(*np.unique(data.targets, return_counts=True), strict=True):
        if labelled > count:
            raise ValueError(f"labelled must be at most the {count} rows of class {label}, got {labelled}")
        known[generator.choice(np.flatnonzero(data.targets == label), labelled, replace=False)] = 1.0
    return known
