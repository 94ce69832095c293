"""Aggregation: how the contributions to a step become one."""

from typing import Annotated

import numpy as np

from simcluster.engine import Open
from simcluster.learning import Array, Call, Cost
from simcluster.training.protocols import Aggregation


def total(values: Array, rows: Array) -> Call[Array]:
    """The sum, in the order of workers."""
    size = float(values.size)
    return Call(lambda: np.add.reduce(values, axis=0), Cost(flops=size, bytes=8 * (size + values.shape[1])))


AnyAggregation = Annotated[Aggregation, Open(Aggregation, total=total)]
"""The function above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyAggregation", "total"]
