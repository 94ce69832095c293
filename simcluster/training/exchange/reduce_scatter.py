"""Reduce-scatter: every worker holds the parameters, and finds what matters in a part of the sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from simcluster.cluster import Cluster, Node
from simcluster.cluster.collectives import Member, ring
from simcluster.engine import Period, Program, Spec
from simcluster.learning import Array, Call, Condenses, call
from simcluster.training.exchange.peer import refusal, start
from simcluster.training.training import Training
from simcluster.training.update import Update

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class ReduceScatter(Spec):
    """Each worker has the sum of a part of the contributions, condenses it, and all gather what was found.

    For models that ``Condenses``, as boosted trees do: the best splits of some features are a few numbers for each
    node, and the best of all are among them (Ke et al., NIPS 2017). Of p workers, an array of m numbers with f along
    its first axis, along which it is cut, and c numbers that each worker makes of its part, a step is 2p(p − 1)
    messages with (p − 1)(8m + 80p) + p(p − 1)(8c + 80) bytes in all: about half of an ``AllReduce``'s. The rest is as
    there: round the same ring, what survives what, and that all have the same bits.
    """

    kind: Literal["reduce_scatter"] = "reduce_scatter"
    retry_s: Period = 1.0
    """After how long a worker asks again for what it waits for; longer than the slowest step, or it asks in vain."""

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the workers."""
        start(training, cluster, {"combine": condense, "algorithm": ring, "retry_s": self.retry_s})

    def refuses(self, job: TrainingJob) -> str | None:
        """As an all-reduce; and the model has to condense, from the part alone."""
        missing = [method for method in ("condense", "conclude") if not hasattr(job.model, method)]
        if missing:
            return f"model must have {missing[0]} with {self.kind}, got {job.model!r}"
        if not getattr(job.model, "part_suffices", True):
            return f"model must need nothing but its part of a sum with {self.kind}, got {job.model!r}"
        return refusal(job, self.kind)


def condense(node: Node, member: Member, training: Training, update: Update, contribution: Array) -> Program:
    """Every worker has what all parts say, and makes the step of it."""
    model = cast(Condenses, training.job.model)  # or the job would have been refused
    scattered = yield from member.scatter(contribution)
    if scattered is None:
        return False
    part, first = scattered
    said = yield node.compute(call(model.condense, update.parameters, part, first))
    gathered = yield from member.gather(said)
    if gathered is None:
        return False
    concluded = call(model.conclude, update.parameters, gathered, float(np.sum(training.batch_rows)))
    parameters = concluded()

    def moved() -> None:
        update.parameters = parameters

    yield node.compute(Call(moved, concluded.cost))
    return True
