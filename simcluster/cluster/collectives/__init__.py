"""Collectives: what nodes that are all alike compute together, by messages on the network and without a server."""

from typing import Annotated

from simcluster.cluster.collectives.auto import Auto
from simcluster.cluster.collectives.binomial_tree import binomial_tree
from simcluster.cluster.collectives.everyone import everyone
from simcluster.cluster.collectives.hierarchical import Hierarchical
from simcluster.cluster.collectives.member import Member
from simcluster.cluster.collectives.neighbourhood import Neighbourhood
from simcluster.cluster.collectives.rabenseifner import rabenseifner
from simcluster.cluster.collectives.recursive_doubling import recursive_doubling
from simcluster.cluster.collectives.ring import ring
from simcluster.cluster.collectives.rounds import Algorithm, Round
from simcluster.engine import Open

ALGORITHMS: dict[str, Algorithm] = {
    "ring": ring,
    "recursive_doubling": recursive_doubling,
    "rabenseifner": rabenseifner,
    "binomial_tree": binomial_tree,
}
"""The functions that add up, by name."""

AnyAlgorithm = Annotated[Algorithm, Open(Algorithm, Auto, Hierarchical, **ALGORITHMS)]
"""One of the algorithms above that add up, or one's own; in a file ``kind`` says which."""

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "AnyAlgorithm",
    "Auto",
    "Hierarchical",
    "Member",
    "Neighbourhood",
    "Round",
    "binomial_tree",
    "everyone",
    "rabenseifner",
    "recursive_doubling",
    "ring",
]
