"""Serving: queries that arrive while earlier ones are still being answered, balanced over replicas."""

from simcluster.serving.balancers import BalancerName, balancer
from simcluster.serving.job import NearestNeighbourService, Served

__all__ = ["BalancerName", "NearestNeighbourService", "Served", "balancer"]
