"""The parameter server (Li et al., OSDI 2014): one node holds the parameters, workers ask it for their steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from simcluster.cluster import Cluster, Node
from simcluster.engine import NodeName, Period, Program, Spec
from simcluster.recovery import ask
from simcluster.training.exchange.servers.server import serve
from simcluster.training.exchange.servers.worker import work
from simcluster.training.training import Training

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class ParameterServer(Spec):
    """Workers ask ``server`` which step is theirs, compute its contribution, and send it with the next request."""

    kind: Literal["parameter_server"] = "parameter_server"
    server: NodeName
    """The node that holds the parameters; none of the workers."""
    retry_s: Period = 1.0
    """After how long a request that is refused or not answered is repeated."""

    redundant: ClassVar = True
    adds_up: ClassVar = True

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the server and the workers."""
        name, detector = training.job.name, training.job.detector
        cluster[self.server].boot(partial(serve, training=training), f"{name}.server")
        for index, worker in enumerate(training.job.workers):
            cluster[worker].boot(partial(work, exchange=self, training=training, index=index), f"{name}.worker")
        if detector is not None:
            detector.start(cluster, f"{name}.worker", self.server, training.job.workers, training.done)

    def asks(self, kind: str) -> Callable[[Node, Any], Program]:
        """How a worker asks for what it does next: steps until there is a reply, which is their value."""

        server, retry_s = self.server, self.retry_s
        return lambda node, body: ask(node, server, kind, body, timeout_s=retry_s)

    def refuses(self, job: TrainingJob) -> str | None:
        """The server computes no contributions."""
        if self.server not in job.workers:
            return None
        return f"server must be none of the workers, got {self.server!r}"
