"""Data distribution: which rows lie on which node."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.engine import stream

Partition = Literal["random", "ordered", "by_key"]


def partition(how: Partition, labels: NDArray[np.int64], shards: int, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Row numbers of each shard: every row is in exactly one.

    "random" shuffles and cuts into sizes that differ by at most one; "ordered" cuts as the rows stand; "by_key"
    sorts by label first, so that a shard sees few classes (the non-identical case of McMahan et al. 2017).
    Raises ``ValueError`` unless 1 <= shards <= rows.
    """
    rows = len(labels)
    if not 1 <= shards <= rows:
        raise ValueError(f"shards must be within [1, {rows}] for {rows} rows, got {shards}")
    if how == "random":
        order = stream(seed, "partition").permutation(rows)
    elif how == "ordered":
        order = np.arange(rows)
    elif how == "by_key":
        order = np.argsort(labels, kind="stable")
    else:
        raise ValueError(f"the partition must be 'random', 'ordered' or 'by_key', got {how!r}")
    return tuple(np.array_split(order.astype(np.int64), shards))
