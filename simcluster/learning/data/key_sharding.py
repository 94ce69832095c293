"""Distribution by key: rows that agree in a key lie together, on the shard of its hash or of its range."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.learning.data.sharding import Shards, owned
from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array

Column = Annotated[int, Field(ge=0), NUMBER]


class ByHash(Spec):
    """Each row lies on the shard that the hash of its key says: the same one in every run, process and version.

    The hash is splitmix64 (Steele, Lea & Flood, OOPSLA 2014) of the 64 bits of the key as a float as its state, and the
    interval [0, 1) that it falls in is cut by the shares: a shard has its share of the keys in the mean, not of the
    rows. The textbook's ``hash(key) % n`` is another partition in each process where keys are text (PYTHONHASHSEED),
    and sends the whole numbers of a label to shards in turn, which hides how uneven a hash of few keys is. The
    generator is not asked. Raises ``ValueError`` where a shard has no row, as with fewer keys than shards.
    """

    kind: Literal["by_hash"] = "by_hash"
    key: Literal["target", "row"] | Column = "target"
    """What is hashed: the target, the number of the row, or the feature of this column."""

    def __call__(self, data: Dataset, shares: Array, generator: np.random.Generator) -> Shards:
        """Row numbers of each shard, in order."""
        place = _hashed(_keys(data, self.key))
        ends = np.cumsum(shares)[:-1]
        return owned(self.kind, np.searchsorted(ends, place, side="right"), len(shares))


class ByRange(Spec):
    """Each shard has the rows of one range of keys, and no key is in two shards (as in Bigtable, Chang et al. 2006).

    The ranges are the quantiles that the shares say: a key goes where the middle of its rows falls. ``by_key`` keeps to
    the shares and divides a key between two shards instead. The generator is not asked. Raises ``ValueError`` where a
    shard has no row, as where one key has more than its neighbours' shares of the rows.
    """

    kind: Literal["by_range"] = "by_range"
    key: Literal["target", "row"] | Column = "target"
    """What is ordered: the target, the number of the row, or the feature of this column."""

    def __call__(self, data: Dataset, shares: Array, generator: np.random.Generator) -> Shards:
        """Row numbers of each shard, in order."""
        _, key, rows = np.unique(_keys(data, self.key), return_inverse=True, return_counts=True)
        middles = (np.cumsum(rows) - rows / 2) / len(data)
        ends = np.cumsum(shares)[:-1]
        return owned(self.kind, np.searchsorted(ends, middles, side="right")[key], len(shares))


def _keys(data: Dataset, key: str | int) -> Array:
    """The key of each row, (n,)."""
    if key == "row":
        return np.arange(len(data), dtype=np.float64)
    if key == "target":
        return data.targets.astype(np.float64)
    columns = data.features.shape[1]
    if int(key) >= columns:
        raise ValueError(f"key must be a column of the {columns} features, from 0, got {key}")
    return data.features[:, int(key)]


def _hashed(keys: Array) -> Array:
    """A number in [0, 1) for each key, equal for equal keys."""
    bits: NDArray[np.uint64] = np.ascontiguousarray(keys + 0.0).view(np.uint64)  # adding 0 makes -0.0 the key 0.0
    mixed = bits + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
