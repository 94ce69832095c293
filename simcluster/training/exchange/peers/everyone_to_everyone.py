"""Everyone to everyone: each worker hears each contribution, and makes the step of all of them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from simcluster.cluster import Cluster
from simcluster.cluster.collectives import everyone
from simcluster.engine import Period, Program, Spec
from simcluster.learning import Array
from simcluster.training.exchange.peers.peer import Worker, alike, start
from simcluster.training.training import Training

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class EveryoneToEveryone(Spec):
    """Workers send their contributions to all others, as textbooks draw distributed gradient descent.

    A step of p workers and an array of m numbers is p(p − 1) messages of 8m + 80 bytes, and each worker does what a
    server would: it takes the contributions in, in the order of workers, so the parameters are a server's to
    the last bit, and an aggregation that is no sum has what it needs. The rest is as with ``AllReduce``: what survives
    what, when training is over, and who tells the parameters.
    """

    kind: Literal["everyone_to_everyone"] = "everyone_to_everyone"
    retry_s: Period = 1.0
    """After how long a worker asks again for what it waits for; longer than the slowest step, or it asks in vain."""

    adds_up: ClassVar = True

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the workers."""
        start(training, cluster, {"combine": take_all, "algorithm": everyone, "retry_s": self.retry_s})

    def refuses(self, job: TrainingJob) -> str | None:
        """Nobody is waited for less than anybody else."""
        return alike(job, self.kind)


def take_all(worker: Worker, contribution: Array) -> Program:
    """Every worker has all contributions, and makes the step of them."""
    values = yield from worker.member.collect(contribution)
    if values is None:
        return False
    yield worker.node.compute(worker.update.take(list(range(len(values))), list(values), worker.member.number, 1.0))
    return True
