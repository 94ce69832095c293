"""Groups of workers that have the same shards."""

from __future__ import annotations

from typing import Any

import numpy as np

from simcluster.learning import Array


def grouped(workers: int, size: int) -> Array:
    """(n, n): each of so many ``workers`` adds up the shards of its group of this ``size``, which divides n."""
    return np.kron(np.eye(workers // size), np.ones((size, size))).astype(np.float64)


def firsts(arrived: Any, size: int, workers: int) -> Array | None:
    """1 for the first of each group in the order of workers, 0 for the others; ``None`` where a group has nobody."""
    chosen = np.full(workers // size, workers)
    np.minimum.at(chosen, arrived // size, arrived)
    return None if chosen.max() == workers else np.isin(arrived, chosen).astype(np.float64)
