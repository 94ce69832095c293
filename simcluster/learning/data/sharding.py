"""Data distribution: which rows lie on which node."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Sharding

Shards = list[NDArray[np.int64]]


def random(data: Dataset, shares: NDArray[np.float64], generator: np.random.Generator) -> Shards:
    """Shuffled, and cut."""
    return cut(generator.permutation(len(data)), shares)


def ordered(data: Dataset, shares: NDArray[np.float64], generator: np.random.Generator) -> Shards:
    """Cut as the rows stand."""
    return cut(np.arange(len(data)), shares)


def by_key(data: Dataset, shares: NDArray[np.float64], generator: np.random.Generator) -> Shards:
    """Sorted by target and cut, so that a shard sees few classes (the non-identical case of McMahan et al. 2017)."""
    return cut(np.argsort(data.targets, kind="stable"), shares)


def cut(order: NDArray[np.int64], shares: NDArray[np.float64]) -> Shards:
    """``order`` in pieces of these shares of it, each less than a row off: what is left over goes to the first.

    Raises ``ValueError`` unless every piece has a row.
    """
    return np.split(np.asarray(order, dtype=np.int64), np.cumsum(sizes(shares, len(order)))[:-1])


def sizes(shares: NDArray[np.float64], rows: int) -> NDArray[np.int64]:
    """How many of so many rows each of these shares is, less than a row off: what is left over goes to the first.

    Raises ``ValueError`` unless every share is a row at least.
    """
    found = np.floor(shares * rows + 1e-9).astype(np.int64)  # a third of 150 is 50, however it was rounded
    found[: rows - int(found.sum())] += 1
    if not len(found) or found.min() < 1:
        raise ValueError(
            f"every shard must have a row, got {rows} rows for {len(shares)} shards of these shares: {shares}"
        )
    return found


def owned(how: str, owner: NDArray[np.int64], shards: int) -> Shards:
    """The rows of each shard, in order, where ``owner`` (n,) says which shard has each.

    Raises ``ValueError``, which names the rule ``how``, unless every shard has a row.
    """
    counts = np.bincount(owner, minlength=shards)
    if counts.min() < 1:
        raise ValueError(f"every shard must have a row, got sizes {counts.tolist()} of {shards} shards {how}")
    return np.split(np.argsort(owner, kind="stable"), np.cumsum(counts)[:-1])


def shard(how: Sharding, data: Dataset, shares: NDArray[np.float64], generator: np.random.Generator) -> Shards:
    """The shards that ``how`` says. Raises ``ValueError`` unless each has rows and every row is in exactly one."""
    given = [np.asarray(rows) for rows in how(data, shares, generator)]
    if not all(rows.dtype.kind in "iu" for rows in given):
        raise ValueError(f"shards must be row numbers, got {given}")
    shards = [rows.astype(np.int64) for rows in given]
    if len(shards) != len(shares) or not all(map(len, shards)):
        raise ValueError(f"there must be {len(shares)} shards with rows, got sizes {[len(rows) for rows in shards]}")
    numbers, every = np.concatenate(shards), f"every one of the {len(data)} rows must be in exactly one shard"
    strange = numbers[(numbers < 0) | (numbers >= len(data))]
    if len(strange):
        raise ValueError(f"{every}, got row {strange[0]}")
    counts = np.bincount(numbers, minlength=len(data))
    if (counts != 1).any():
        row = int(np.argmax(counts != 1))
        raise ValueError(f"{every}, got row {row} in {counts[row]}")
    return shards
