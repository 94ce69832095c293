"""Serving: what the world asks, and what answers: a service × arrivals × a balancer; a batch; a model that learns."""

from simcluster.serving.arrivals import (
    AnyArrivals,
    At,
    Closed,
    Deterministic,
    Diurnal,
    MarkovModulated,
    Poisson,
    Steps,
    TraceFile,
)
from simcluster.serving.autoscalers import Fixed
from simcluster.serving.balancers import AnyBalancer, RoundRobin, least_loaded, power_of_two_choices, random
from simcluster.serving.caches import Lru
from simcluster.serving.call_policies import once
from simcluster.serving.job import ServiceJob
from simcluster.serving.nearest_neighbour_batch import NearestNeighbourBatch, Predicted
from simcluster.serving.nearest_neighbours_job import NearestNeighbourService
from simcluster.serving.online import (
    AnyBatches,
    ArrivingBatches,
    Copies,
    Learned,
    OnlineLearning,
    StoredBatches,
    fetch_always,
)
from simcluster.serving.pool import Pool
from simcluster.serving.protocols import (
    Arrivals,
    Autoscaler,
    Balancer,
    Batches,
    Cache,
    CallPolicy,
    Feed,
    QueueDiscipline,
    ReplicaView,
    Service,
)
from simcluster.serving.queues import QueueLimit
from simcluster.serving.server import Request
from simcluster.serving.services import (
    AnyKeys,
    AnyService,
    Keys,
    ModelFile,
    NearestNeighbours,
    SavedModel,
    Synthetic,
    UniformKeys,
    ZipfKeys,
    checked,
)
from simcluster.serving.shard_call import ShardCall
from simcluster.serving.world import Served

__all__ = [
    "AnyArrivals",
    "AnyBalancer",
    "AnyBatches",
    "AnyKeys",
    "AnyService",
    "Arrivals",
    "ArrivingBatches",
    "At",
    "Autoscaler",
    "Balancer",
    "Batches",
    "Cache",
    "CallPolicy",
    "Closed",
    "Copies",
    "Deterministic",
    "Diurnal",
    "Feed",
    "Fixed",
    "Keys",
    "Learned",
    "Lru",
    "MarkovModulated",
    "ModelFile",
    "NearestNeighbourBatch",
    "NearestNeighbourService",
    "NearestNeighbours",
    "OnlineLearning",
    "Poisson",
    "Pool",
    "Predicted",
    "QueueDiscipline",
    "QueueLimit",
    "ReplicaView",
    "Request",
    "RoundRobin",
    "SavedModel",
    "Served",
    "Service",
    "ServiceJob",
    "ShardCall",
    "Steps",
    "StoredBatches",
    "Synthetic",
    "TraceFile",
    "UniformKeys",
    "ZipfKeys",
    "checked",
    "fetch_always",
    "least_loaded",
    "once",
    "power_of_two_choices",
    "random",
]
