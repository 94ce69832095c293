"""What exchanges have in common whose workers average parameters of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simcluster.engine import Trace
from simcluster.learning import Array
from simcluster.training.aggregation import total
from simcluster.training.exchange.peers.mixing import AnyGraph, AnyMixing, reason
from simcluster.training.exchange.servers.assembly import refusal
from simcluster.training.local import ElasticAveraging

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


def averaged(trace: Trace) -> Callable[[int, Sequence[Array]], Array]:
    """A function that gives the mean of all workers' parameters after a step, and records how far they are from it.

    The record ``consensus`` has their root mean square distance.
    """
    record = trace.recorder("consensus", "step", "distance")

    def whole(step: int, pieces: Sequence[Array]) -> Array:
        mean = np.add.reduce(pieces, axis=0) / len(pieces)
        squares = math.fsum(float(np.sum((piece - mean) ** 2)) for piece in pieces)
        record(step, math.sqrt(squares / len(pieces)))
        return np.asarray(mean)

    return whole


def averaging_refusal(job: TrainingJob, kind: str, graph: AnyGraph, mixing: AnyMixing) -> str | None:
    """Why a job's parts do not go together with workers that average parameters, or ``None``."""
    if job.compression is not None:
        return f"compression must be None with {kind}: what is sent are parameters, got {job.compression!r}"
    if job.aggregation is not total:
        return f"aggregation must be total with {kind}: contributions stay where they are, got {job.aggregation!r}"
    if isinstance(job.local, ElasticAveraging):
        return f"local must not be elastic averaging with {kind}, which has no centre, got {job.local!r}"
    count = len(job.workers)
    return refusal(job, kind) or reason(found := graph(count), mixing(found), count)
