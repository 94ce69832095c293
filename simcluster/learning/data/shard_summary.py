"""What lies where: how many rows each shard has, and how far its targets are from those of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Integers

if TYPE_CHECKING:
    import pandas as pd


def shard_summary(
    data: Dataset, shards: Sequence[Integers], names: Sequence[str] | None = None,
    copies: Sequence[Integers] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """A frame with a row for each shard: ``shard``, ``rows``, and what its targets are.

    Of labels it has a column ``class_k`` for each class, the share of the shard's rows (they add up to 1), and
    ``distance``, half the sum of their absolute differences from the shares of all rows (the total variation distance:
    0 where the shard is like the whole, nearly 1 where it has what is rare). Of other targets it has ``mean`` and
    ``deviation``. Of ``copies``, as ``copied_rows`` gives them, it has ``copies``, how many rows of others lie there
    too. A shard is called by its place unless ``names`` call it something else. Raises ``ValueError`` for a shard
    without rows, and for other than one name a shard.
    """
    import pandas as pd  # which a run that nobody asks for frames goes without

    called = [str(place) for place in range(len(shards))] if names is None else list(names)
    if len(called) != len(shards):
        raise ValueError(f"there must be a name for each of the {len(shards)} shards, got {called}")
    if not all(map(len, shards)):
        raise ValueError(f"each shard must have rows, got sizes {[len(rows) for rows in shards]}")
    said: dict[str, object] = {"shard": called, "rows": [len(rows) for rows in shards]}
    if copies is not None:
        said["copies"] = [len(rows) for rows in copies]
    targets = [data.targets[rows] for rows in shards]
    if data.classes is None:
        moments = {"mean": [each.mean() for each in targets], "deviation": [each.std() for each in targets]}
        return pd.DataFrame(said | moments)
    held = np.array([np.bincount(each, minlength=data.classes) / len(each) for each in targets])
    whole = np.bincount(data.targets, minlength=data.classes) / len(data)
    said |= {f"class_{label}": held[:, label] for label in range(data.classes)}
    return pd.DataFrame(said | {"distance": np.abs(held - whole).sum(axis=1) / 2})
