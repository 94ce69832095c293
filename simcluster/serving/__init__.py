"""Serving: queries that the world asks, and what answers them: a service × arrivals × a balancer; or a batch."""

from simcluster.serving.arrivals import AnyArrivals, At, Closed, Poisson
from simcluster.serving.balancers import AnyBalancer, RoundRobin, least_loaded, power_of_two_choices, random
from simcluster.serving.job import AnyService, Served, ServiceJob
from simcluster.serving.nearest_neighbour_batch import NearestNeighbourBatch, Predicted
from simcluster.serving.nearest_neighbours_job import NearestNeighbourService
from simcluster.serving.neighbours import NearestNeighbours
from simcluster.serving.protocols import Arrivals, Balancer, ReplicaView, Service

__all__ = [
    "AnyArrivals",
    "AnyBalancer",
    "AnyService",
    "Arrivals",
    "At",
    "Balancer",
    "Closed",
    "NearestNeighbourBatch",
    "NearestNeighbourService",
    "NearestNeighbours",
    "Poisson",
    "Predicted",
    "ReplicaView",
    "RoundRobin",
    "Served",
    "Service",
    "ServiceJob",
    "least_loaded",
    "power_of_two_choices",
    "random",
]
