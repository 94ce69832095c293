"""An elastic parameter server: rows are dealt out anew among those who are there, and spares stand in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from simcluster.cluster import Cluster
from simcluster.engine import NodeName, Period, Positive, Spec
from simcluster.recovery import LocalStore
from simcluster.training.aggregation import total
from simcluster.training.exchange.surviving.elastic_programs import serve_members, work_of_parts
from simcluster.training.training import Training
from simcluster.training.waiting import BoundedStaleness

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class ElasticServer(Spec):
    """A parameter server that goes on with fewer workers and with more, and does each step with all of its rows.

    Rows are keyed by their number in the data. Those of a worker that the job's ``detector`` suspects go to a spare
    that is there and free, all of them; where none is they are cut into pieces, one for each that is there. When the
    worker is heard (again, or for the first time, for it may start late) it has its own from the next step on. Whoever
    lacks rows that it is given gets them first: the server sends them, 8 (d + 1) bytes each, or it reads the block of
    that worker anew from where ``placement`` says, and keeps them. (Elastic training: Torch Distributed Elastic; Peng
    et al., "Optimus", EuroSys 2018.)

    The rows of a step depend on its number alone, and each counts once, whoever is there, and whoever is suspected
    wrongly. So as long as spares take the places of those that are gone, parameters are to the last bit those of a run
    in which nobody is; where rows are shared out they are the same but for the order of their sums.
    """

    kind: Literal["elastic_server"] = "elastic_server"
    server: NodeName
    """The node that holds the parameters, and all rows where ``placement`` is in memory; none of the others."""
    spares: tuple[NodeName, ...] = ()
    """Nodes that take the place of a worker that is gone; none of the workers."""
    standby: Literal["hot", "warm", "cold"] = "warm"
    """Whether a spare has all workers' rows from the beginning, gets them when it is needed, or only starts then."""
    start_s: Positive | None = None
    """How long a cold spare takes to start."""
    retry_s: Period = 1.0
    """After how long a request that is refused or not answered is repeated; longer than it takes to send a shard."""

    @model_validator(mode="after")
    def _starts_when_cold(self) -> ElasticServer:
        if (self.standby == "cold") != (self.start_s is not None):
            rule = "start_s must be given where standby is cold, and nowhere else"
            raise ValueError(f"{rule}, got {self.start_s} with standby {self.standby!r}")
        return self

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the server, the workers and the spares."""
        name, detector = training.job.name, training.job.detector
        cluster[self.server].boot(partial(serve_members, exchange=self, training=training), f"{name}.server")
        workers = training.job.workers
        for place, node in (*enumerate(workers), *((None, spare) for spare in self.spares)):
            program = partial(work_of_parts, exchange=self, training=training, place=place)
            cluster[node].boot(program, f"{name}.worker")
        assert detector is not None  # or the job would have been refused
        detector.start(cluster, f"{name}.worker", self.server, (*workers, *self.spares), training.done)

    def refuses(self, job: TrainingJob) -> str | None:
        """A step is one sum over all rows, whoever has them."""
        nodes, kind = (self.server, *job.workers, *self.spares), self.kind
        if len(set(nodes)) < len(nodes):
            rule = "server and spares must differ, and be none of the workers"
            return f"{rule}, got {self.server!r} and {list(self.spares)}"
        if job.detector is None:
            return f"detector must say who is there with {kind}, got None"
        if job.when_gone != "go_on":
            return f"when_gone must be go_on with {kind}, which is for that, got {job.when_gone!r}"
        if job.waiting != BoundedStaleness():
            return f"waiting must be bulk-synchronous with {kind}: a step is all rows, got {job.waiting!r}"
        if job.local is not None:
            return f"local must be None with {kind}, where rows change hands, got {job.local!r}"
        if job.compression is not None:
            return f"compression must be None with {kind}, where rows change hands, got {job.compression!r}"
        if job.aggregation is not total:
            return f"aggregation must be total with {kind}: rows may be shared out, got {job.aggregation!r}"
        if hasattr(job.sharding, "holders"):
            return f"sharding must be of single copies with {kind}, which deals rows out anew, got {job.sharding!r}"
        if isinstance(getattr(job.placement, "store", None), LocalStore):
            return f"the store of placement must outlive a worker with {kind}, got {job.placement!r}"
        return None
