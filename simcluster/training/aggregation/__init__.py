"""Aggregation: how the contributions to a step become one."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.aggregation.bulyan import Bulyan
from simcluster.training.aggregation.centred_clipping import CentredClipping
from simcluster.training.aggregation.coordinate_median import coordinate_median
from simcluster.training.aggregation.geometric_median import GeometricMedian
from simcluster.training.aggregation.krum import Krum
from simcluster.training.aggregation.majority_vote import majority_vote
from simcluster.training.aggregation.mixing import FUNCTIONS, RULES, NearestNeighbourMixing
from simcluster.training.aggregation.remembering import aggregated
from simcluster.training.aggregation.total import total
from simcluster.training.aggregation.trimmed_mean import TrimmedMean
from simcluster.training.protocols import Aggregation

AnyAggregation = Annotated[Aggregation, Open(Aggregation, *RULES, NearestNeighbourMixing, **FUNCTIONS)]
"""One of the rules above, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyAggregation",
    "Bulyan",
    "CentredClipping",
    "GeometricMedian",
    "Krum",
    "NearestNeighbourMixing",
    "TrimmedMean",
    "aggregated",
    "coordinate_median",
    "majority_vote",
    "total",
]
