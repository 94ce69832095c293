"""One training run: its data in shards, and the mathematics of its steps, without any state of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.engine import Event, Trace, stream
from simcluster.learning import Array, Call, Optimiser, Rows, fitted, shard

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gave: the parameters, how many steps were completed, and the objective over all data.

    ``stopped`` says who was gone, where that ended it before its time.
    """

    parameters: Any
    steps: int
    loss: float
    stopped: str | None = None


class Training:
    """What an exchange needs of a run. Raises ``ValueError`` where model and data, or data and workers, do not fit."""

    def __init__(self, job: TrainingJob, seed: int, done: Event, trace: Trace) -> None:
        self.job, self.seed, self.done = job, seed, done
        self._trace, self._diverged = trace, False
        self.data = job.data.load(seed)
        shares = np.full(len(job.workers), 1 / len(job.workers))
        shards = shard(job.sharding, self.data, shares, stream(seed, "partition"))
        self._numbers, self._shards = shards, [Rows(self.data, rows) for rows in shards]
        self._orders: dict[int, tuple[int, Any]] = {}
        self.initial: Array = job.model.initial(self.data, stream(seed, "initial"))
        self.optimiser: Optimiser = fitted(job.optimiser, job.model, self.data)
        sizes = [len(rows) for rows in shards]
        #: How many rows each worker's contribution counts, (m,).
        self.batch_rows = np.minimum(sizes, job.batch_size or max(sizes)).astype(np.float64)
        self._sizes = self.batch_rows.astype(np.int64).tolist()
        #: Which share of a step each worker's contribution is, where all contribute.
        self.shares: list[float] = (self.batch_rows / self.batch_rows.sum()).tolist()

    def rows(self, worker: int, clock: int) -> Rows:
        """What a worker learns from in a step: its shard, or the next ``batch_size`` rows of it.

        It depends on seed, worker and clock only, so a step that is done again is the same step. A shard is gone
        through once an epoch, each epoch in a new order; what is left over at its end waits for another epoch.
        """
        numbers, size = self._numbers[worker], self._sizes[worker]
        if size == len(numbers):
            return self._shards[worker]
        epoch, place = divmod(clock, len(numbers) // size)
        known = self._orders.get(worker)
        if known is None or known[0] != epoch:
            order = stream(self.seed, "batch", worker, epoch).permutation(numbers)
            known = self._orders[worker] = (epoch, order)
        return Rows(self.data, known[1][place * size : (place + 1) * size])

    def contribution(self, worker: int, clock: int, parameters: Array) -> Call[Array]:
        """A worker's half of a step: what its rows say at these parameters."""
        return self.job.model.contribution(parameters, self.rows(worker, clock))

    def loss(self, parameters: Array) -> Call[float]:
        """The objective over all rows."""
        return self.job.model.loss(parameters, self.data.all)

    def finish(self, parameters: Array, steps: int, stopped: str | None = None) -> None:
        """Training is over, with these parameters after so many steps."""
        if self.done.triggered:
            return
        loss = self.loss(parameters)()
        self.evaluated(steps, loss, parameters)
        if stopped is not None:
            done = f"{steps} of {self.job.steps} steps"
            self._trace.verdict("stopped", f"{self.job.name} stopped after {done}: {stopped}")
        self.done.succeed(Trained(parameters, steps, loss, stopped))

    def evaluated(self, step: int, loss: float, parameters: Array) -> None:
        """The objective is known: the run's verdict says it when it, or the parameters, are numbers no more."""
        if self._diverged or (math.isfinite(loss) and np.isfinite(parameters).all()):
            return
        self._diverged = True
        what = "the parameters are no longer finite" if math.isfinite(loss) else f"the loss is {loss}"
        self._trace.verdict("diverged", f"{self.job.name}: {what} after {step} of {self.job.steps} steps")
