"""A worker: asks for parameters, computes on its shard, contributes."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Node
from simcluster.engine import Event
from simcluster.learning import Training
from simcluster.recovery import ask

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


def work(node: Node, *, job: TrainingJob, training: Training, index: int) -> Generator[Event, Any, None]:
    """Do step after step. The server says which: it knows what has been contributed, a worker may have crashed."""
    record_begin = node.cluster.trace.recorder("step", "worker", "clock")
    reply = yield from ask(node, job.server, "step", timeout_s=job.retry_s)
    while True:
        clock, parameters = reply.body
        record_begin(node.name, clock)
        contribution = yield node.compute(training.contribution(index, clock, parameters))
        reply = yield from ask(node, job.server, "step", (clock, contribution), timeout_s=job.retry_s)
