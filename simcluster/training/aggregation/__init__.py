"""Aggregation: how the contributions to a step become one."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.aggregation.total import total
from simcluster.training.protocols import Aggregation

AnyAggregation = Annotated[Aggregation, Open(Aggregation, total=total)]
"""The function above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyAggregation", "total"]
