"""All-reduce: every worker holds the parameters, and all add up the contributions to a step among themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from simcluster.cluster import Cluster
from simcluster.cluster.collectives import AnyAlgorithm, ring
from simcluster.engine import Period, Program, Spec
from simcluster.learning import Array
from simcluster.training.exchange.peers.peer import Worker, refusal, start
from simcluster.training.training import Training

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class AllReduce(Spec):
    """Workers add up the contributions to a step by messages to each other, and all make the same step of the sum.

    Of p workers and an array of m numbers a step is, with p = q + r, q the greatest power of two in it:

    - by a ``ring`` (Patarasuk & Yuan 2009) 2p(p − 1) messages with 2(p − 1)(8m + 80p) bytes in all;
    - by ``recursive_doubling`` (Thakur et al. 2005) q·log₂ q + 2r messages of 8m + 80 bytes;
    - by ``rabenseifner`` (recursive halving and doubling, 2004) 2q·log₂ q messages with 2(q − 1)·8m + 160·q·log₂ q
      bytes, and 2r messages of 8m + 80 bytes;
    - by a ``binomial_tree`` 2(p − 1) messages of 8m + 80 bytes;
    - ``Hierarchical``, in k groups, 2(p − k) messages of 8m + 80 bytes within them, and between them 2k(k − 1) with
      2(k − 1)(8m + 80k) bytes in all;
    - ``auto`` (``Auto``) by recursive doubling for short arrays, and as Rabenseifner for long ones.

    More are sent only when some are lost, or come later than ``retry_s``.

    Each number is added up in an order that the places of the workers say, never that of arrival: the parameters of
    all workers are the same bits, and no crash, pause or loss that ends changes them. They are those that a parameter
    server has, up to the order of the sums. A worker that restarts asks the others, one after the other, for what all
    of them hold; where nobody answers, it goes on from what ``recovery`` has kept on its behalf, or begins anew.

    Training is over when every worker has the last parameters, and ``evaluation`` "paid" is paid by each, so that
    nobody waits for another's word. To a request of kind ``name.parameters`` every worker replies with the complete
    steps and its parameters.
    """

    kind: Literal["all_reduce"] = "all_reduce"
    algorithm: AnyAlgorithm = ring
    """Who sends what to whom, and what is added up where."""
    retry_s: Period = 1.0
    """After how long a worker asks again for what it waits for; longer than the slowest step, or it asks in vain."""

    adds_up: ClassVar = True

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the workers."""
        how: dict[str, Any] = {"combine": add_up, "algorithm": self.algorithm, "retry_s": self.retry_s}
        start(training, cluster, how)

    def refuses(self, job: TrainingJob) -> str | None:
        """Nobody is waited for less than anybody else, and what is added up on the way is nobody's in particular."""
        return refusal(job, self.kind)


def add_up(worker: Worker, contribution: Array) -> Program:
    """Every worker has the sum, and makes the step of it."""
    total = yield from worker.member.add_up(contribution)
    if total is None:
        return False
    yield worker.node.compute(worker.update.move(total, worker.member.number))
    return True
