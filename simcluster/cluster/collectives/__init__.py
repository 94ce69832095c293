"""Collectives: what nodes that are all alike compute together, by messages on the network and without a server."""

from simcluster.cluster.collectives.member import Member
from simcluster.cluster.collectives.rounds import ALGORITHMS, Algorithm, Round, recursive_doubling, ring

__all__ = ["ALGORITHMS", "Algorithm", "Member", "Round", "recursive_doubling", "ring"]
