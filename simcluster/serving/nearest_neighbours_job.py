"""The usual service in one flat specification: nearest neighbours that are asked by a Poisson process."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from simcluster.cluster import Cluster, ClusterSpec, Ran
from simcluster.engine import NUMBER, Count, Event, NodeName, NodeNames, Positive, Spec
from simcluster.learning import AnySharding, Bundled, DatasetName, random
from simcluster.serving.arrivals import Poisson
from simcluster.serving.balancers import AnyBalancer, power_of_two_choices
from simcluster.serving.job import ServiceJob
from simcluster.serving.services import NearestNeighbours


class NearestNeighbourService(Spec):
    """A ``ServiceJob`` of ``NearestNeighbours`` under ``Poisson`` arrivals; the fields are theirs."""

    kind: Literal["nearest_neighbour_service"] = "nearest_neighbour_service"
    dataset: DatasetName = "digits"
    """The bundled data set that is searched, and asked."""
    partition: AnySharding = random
    """Which rows lie in which shard."""
    query_share: Annotated[float, Field(gt=0, lt=1), NUMBER] = 0.2
    """Which share of the rows is asked."""
    neighbours: Count = 5
    """How many an answer has."""
    front_end: NodeName
    """The node that is asked."""
    servers: NodeNames
    """The nodes that hold the shards, each shard on as many as the next."""
    shards: Count = 1
    """In how many parts the data lies."""
    balancer: AnyBalancer = power_of_two_choices
    """Which replica gets a request."""
    arrivals_per_s: Positive
    """How many queries come in a second, in the mean."""
    queries: Count
    """How many come."""
    timeout_s: Positive | None = None
    """How long a replica has to answer (``None``: for ever)."""

    records: ClassVar = ServiceJob.records

    @model_validator(mode="after")
    def _is_a_service(self) -> NearestNeighbourService:
        self.job()
        return self

    @property
    def name(self) -> str:
        """What its programs and messages begin with."""
        return self.job().name

    def job(self) -> ServiceJob:
        """The service that this is."""
        return ServiceJob(
            service=NearestNeighbours(
                data=Bundled(name=self.dataset),
                sharding=self.partition,
                query_share=self.query_share,
                neighbours=self.neighbours,
            ),
            arrivals=Poisson(per_s=self.arrivals_per_s),
            queries=self.queries,
            balancer=self.balancer,
            front_end=self.front_end,
            servers=self.servers,
            shards=self.shards,
            timeout_s=self.timeout_s,
        )

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where the service does not fit."""
        _ = self._fits

    @cached_property
    def _fits(self) -> bool:
        return self.job()._fits

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Start the service."""
        return self.job().start(cluster, seed)

    def metrics(self, result: Ran) -> dict[str, float]:
        """Those of the service."""
        return self.job().metrics(result)

    def series(self, result: Ran) -> dict[str, Any]:
        """Those of the service."""
        return self.job().series(result)
