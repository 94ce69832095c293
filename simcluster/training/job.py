"""The training job: workers with shards of the data, and a parameter server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simcluster.cluster import Cluster
from simcluster.engine import Event, NodeName, NodeNames, Positive, Spec
from simcluster.learning import KMeans, SoftmaxRegression
from simcluster.training.parameter_server import serve
from simcluster.training.worker import work


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gave: the parameters, how many steps were completed, and the objective over all data."""

    parameters: Any
    steps: int
    loss: float


class TrainingJob(Spec):
    """Training with a parameter server (Li et al., OSDI 2014).

    ``staleness`` is 0 (BSP), a bound (SSP) or infinity (ASP). A step counts as complete when all but
    ``backup_workers`` have contributed; what comes later is discarded (Chen et al. 2016). The server checkpoints
    after every ``checkpoint_every`` complete steps; with ``None`` a crash of the server begins the training anew.
    A checkpoint that its disk fails to save or to restore is passed over. Requests that are refused or not answered
    are repeated after ``retry_s``. The job is over after ``steps`` steps, or when the objective, evaluated every
    ``evaluate_every`` steps, is at most ``target_loss``.
    """

    kind: Literal["training"] = "training"
    model: Annotated[SoftmaxRegression | KMeans, Field(discriminator="kind")]
    server: NodeName
    workers: NodeNames
    staleness: Annotated[float, Field(ge=0)] = 0
    backup_workers: Annotated[int, Field(ge=0)] = 0
    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    steps: Annotated[int, Field(ge=1)]
    evaluate_every: Annotated[int, Field(ge=1)] = 1
    target_loss: float | None = None
    retry_s: Positive = 1.0

    @model_validator(mode="after")
    def _check_workers(self) -> TrainingJob:
        if len(set(self.workers)) < len(self.workers):
            raise ValueError(f"workers must differ, got {list(self.workers)}")
        if self.server in self.workers:
            raise ValueError(f"server must be none of the workers, got {self.server!r}")
        if self.backup_workers >= len(self.workers):
            raise ValueError(
                f"backup_workers must be fewer than the {len(self.workers)} workers, got {self.backup_workers}"
            )
        return self

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the server and the workers; the event's value is ``Trained``."""
        training = self.model.prepare(len(self.workers), seed)
        done = cluster.env.event()

        def finish(parameters: Any, steps: int) -> None:
            if not done.triggered:
                done.succeed(Trained(parameters, steps, training.loss(parameters)))

        cluster[self.server].boot(partial(serve, job=self, training=training, finish=finish))
        for index, worker in enumerate(self.workers):
            cluster[worker].boot(partial(work, job=self, training=training, index=index))
        return done
