"""Distribution by size: shards of uneven sizes, with the same classes."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Spec
from simcluster.learning.data.sharding import Shards
from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array


class LogNormalSizes(Spec):
    """Shuffled rows in shards whose sizes are lognormal, as those of users are (Li et al., FedProx, MLSys 2020).

    A worker's weight is its share × exp(σz), z ~ N(0, 1); each has one row, and of the others as many as its weight
    says, less than one off. σ = 0 is ``random``, but for how it rounds. Raises ``ValueError`` for fewer rows than
    shards.
    """

    kind: Literal["lognormal_sizes"] = "lognormal_sizes"
    sigma: Annotated[float, Field(ge=0, le=30), NUMBER] = 1.0
    """σ of the logarithm of sizes."""

    def __call__(self, data: Dataset, shares: Array, generator: np.random.Generator) -> Shards:
        """Row numbers of each shard."""
        spare = len(data) - len(shares)
        if spare < 0:
            raise ValueError(
                f"{self.kind} needs a row for each shard, got {len(data)} rows for {len(shares)} shards"
            )
        drawn = self.sigma * generator.standard_normal(len(shares))
        weights = shares * np.exp(drawn - drawn.max())  # the greatest is a share: nothing overflows
        ends = np.rint(spare * np.cumsum(weights) / weights.sum()).astype(np.int64)[:-1]
        return np.split(generator.permutation(len(data)), ends + np.arange(1, len(shares)))
