"""What a linear model is where each node has some of the columns: its part of the scores, its part of the gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from simcluster.kernels import Call, Cost
from simcluster.kernels.blas import one_thread
from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array, Integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def deal_columns(
    data: Dataset, shards: int, order: Literal["ordered", "random"], generator: np.random.Generator
) -> list[Integers]:
    """The columns of each shard, as they stand or at random, as many as of any other or one more.

    Raises ``ValueError`` for fewer features than shards.
    """
    columns = data.features.shape[1]
    if columns < shards:
        raise ValueError(f"every shard must have a column, got {columns} features for {shards} shards")
    dealt = generator.permutation(columns) if order == "random" else np.arange(columns)
    return [np.sort(part).astype(np.int64) for part in np.array_split(dealt, shards)]


def column_summary(data: Dataset, shards: Sequence[Integers], names: Sequence[str] | None = None) -> pd.DataFrame:
    """A frame with a row for each shard of columns: ``shard``, ``columns``, ``spread``, ``correlation``.

    ``spread`` is the share of the sum of all columns' variances that the shard's columns have, and ``correlation`` the
    greatest magnitude of one of them with the targets (of labels with being of a class): how much a node alone could
    know. 0 where a column, or the targets, are constant.
    """
    import pandas as pd  # which a run that nobody asks for frames goes without

    truths = data.targets[:, np.newaxis].astype(np.float64)
    if data.classes is not None:
        truths = (truths == np.unique(data.targets)).astype(np.float64)
    moved, aims = data.features - data.features.mean(axis=0), truths - truths.mean(axis=0)
    lengths = [np.sqrt((each**2).sum(axis=0)) for each in (moved, aims)]
    unit, aim = (each / np.where(length > 0, length, 1.0) for each, length in zip((moved, aims), lengths, strict=True))
    found, variances = np.abs(unit.T @ aim).max(axis=1), lengths[0] ** 2
    whole = float(variances.sum()) or 1.0
    return pd.DataFrame({
        "shard": [str(place) for place in range(len(shards))] if names is None else list(names),
        "columns": [len(columns) for columns in shards],
        "spread": [float(variances[columns].sum()) / whole for columns in shards],
        "correlation": [float(found[columns].max()) for columns in shards],
    })


def part_of_scores(weights: Array, features: Array) -> Call[Array]:
    """Σ over some of the columns of features (n, d) times their weights (d,) or (d, k): (n,) or (n, k)."""
    flops = 2.0 * features.shape[0] * weights.size

    def product() -> Array:
        with one_thread(flops):
            return np.asarray(features @ weights)

    return Call(product, Cost(flops, 8.0 * (features.size + weights.size + features.shape[0] * _outputs(weights))))


def gradient_sums(features: Array, slopes: Array) -> Call[Array]:
    """Σ x·slope over the rows, of some of the columns (n, d), and last Σ slope, the bias's: (d + 1,) or (d + 1, k)."""
    flops = 2.0 * features.size * _outputs(slopes) + slopes.size

    def product() -> Array:
        with one_thread(flops):
            return np.concatenate([features.T @ slopes, slopes.sum(axis=0)[np.newaxis]])

    return Call(product, Cost(flops, 8.0 * (features.size + slopes.size + (features.shape[1] + 1) * _outputs(slopes))))


def _outputs(array: Array) -> int:
    return math.prod(array.shape[1:])
