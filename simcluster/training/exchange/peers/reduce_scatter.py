"""Reduce-scatter: every worker holds the parameters, and finds what matters in a part of the sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from simcluster.cluster import Cluster
from simcluster.cluster.collectives import ring
from simcluster.engine import Period, Program, Spec
from simcluster.learning import Array, Call, Condenses, call
from simcluster.training.exchange.peers.peer import Worker, refusal, start
from simcluster.training.training import Training

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class ReduceScatter(Spec):
    """Each worker has the sum of a part of the contributions, condenses it, and all gather what was found.

    For models that ``Condenses``, as boosted trees do: the best splits of some features are a few numbers for each
    node, and the best of all are among them (Ke et al., NIPS 2017). Of p workers, an array of m numbers, which is
    cut along its first axis, and c numbers that each worker makes of its part, a step is 2p(p − 1)
    messages with (p − 1)(8m + 80p) + p(p − 1)(8c + 80) bytes in all: about half of an ``AllReduce``'s. The rest is as
    there: round the same ring, what survives what, and that all have the same bits. What a worker remembers of its
    part is lost with it, and to whoever is overtaken: it says so instead of what it found, and all do the step once
    more, of whole contributions.
    """

    kind: Literal["reduce_scatter"] = "reduce_scatter"
    retry_s: Period = 1.0
    """After how long a worker asks again for what it waits for; longer than the slowest step, or it asks in vain."""

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the workers."""
        start(training, cluster, {"combine": condense, "algorithm": ring, "retry_s": self.retry_s})

    def refuses(self, job: TrainingJob) -> str | None:
        """As an all-reduce; and the model has to condense."""
        missing = [method for method in ("condense", "whole", "conclude") if not hasattr(job.model, method)]
        if missing:
            return f"model must have {missing[0]} with {self.kind}, got {job.model!r}"
        return refusal(job, self.kind)


def condense(worker: Worker, contribution: Array) -> Program:
    """Every worker has what all parts say, and makes the step of it."""
    node, training, update = worker.node, worker.training, worker.update
    model = cast(Condenses, training.job.model)  # or the job would have been refused
    parameters, number = update.parameters, worker.member.number
    said = yield from _gathered(worker, contribution, worker.kept.get(number, np.empty(0)), turn=0)
    if said is not None and np.isnan(said).any():
        whole = yield node.compute(model.whole(parameters, training.rows(worker.index, number)))
        said = yield from _gathered(worker, whole, np.empty(0), turn=1)
    if said is None:
        return False
    concluded = call(model.conclude, parameters, said, float(np.sum(training.batch_rows)))
    following = concluded()

    def moved() -> None:
        update.parameters = following

    yield node.compute(Call(moved, concluded.cost))
    return True


def _gathered(worker: Worker, contribution: Array, memory: Array, turn: int) -> Program:
    """What all parts say, and this worker's memory of its own kept for the next step; ``None`` when overtaken."""
    member = worker.member
    model, number = cast(Condenses, worker.training.job.model), member.number
    scattered = yield from member.scatter(contribution, turn)
    if scattered is None:
        return None
    part, first = scattered
    condensed = call(model.condense, worker.update.parameters, part, first, memory)
    said, following = yield worker.node.compute(condensed)
    worker.kept.clear()
    worker.kept[number + 1] = following
    return (yield from member.gather(said, turn))
