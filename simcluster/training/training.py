"""One training run: its data in shards, and the mathematics of its steps, without any state of the run."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.cluster import Node, OutOfMemory
from simcluster.engine import Event, Program, Trace, stream
from simcluster.learning import (
    Array,
    Call,
    Optimiser,
    Predictions,
    Rows,
    Scaling,
    fitted,
    held_out_split,
    holders_of,
    merged,
    moments,
    predictions,
    scaling,
    score,
    shard,
)
from simcluster.training.aggregation.of_rows import fewest
from simcluster.training.local import Displacements, Learner
from simcluster.training.placement import InMemory
from simcluster.training.privacy.private import Private, shortest_epoch
from simcluster.training.protocols import Waiting
from simcluster.training.redundancy.coded import Decodable, code_of, combined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simcluster.learning import Dataset
    from simcluster.training.job import TrainingJob
    from simcluster.training.protocols import Reexecution

_AGAIN_S = 0.1  # after how long a supervisor starts a program again that found no memory, as systemd does


@dataclass(frozen=True, eq=False)
class Trained:
    """What training gave: the parameters, how many steps were completed, and the objective over all data.

    ``stopped`` says who was gone, or what was used up, where that ended it before its time. ``epsilon`` is what privacy
    has been spent, of a job that accounts for it. ``scaling`` is what features were standardised
    by, if they were: parameters are of features that are. Where rows were held out, the objective is over the others,
    ``held_out_loss`` is that over them, and ``held_out`` what the model predicts of them, if it predicts, and if its
    parameters are finite numbers.
    """

    parameters: Any
    steps: int
    loss: float
    stopped: str | None = None
    scaling: Scaling | None = None
    held_out_loss: float | None = None
    held_out: Predictions | None = None
    epsilon: float | None = None


class Training:
    """What an exchange needs of a run. Raises ``ValueError`` where model and data, or data and workers, do not fit.

    ``data`` is what is learned from, and ``held_out`` the rest, which each worker has its part of. ``speeds`` are those
    of the workers, which only a job whose shares go by them asks for; ``poisons`` are what faults make, while they
    last, of the labels that each worker reads from its disk.
    """

    def __init__(
        self,
        job: TrainingJob,
        seed: int,
        done: Event,
        trace: Trace,
        speeds: Sequence[float] | None = None,
        poisons: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.job, self.seed, self.done = job, seed, done
        self.trace, self._diverged = trace, False
        self.data = job.data.load(seed)
        self.held_out: Dataset | None = None
        if job.held_out > 0:
            self.data, self.held_out = held_out_split(self.data, job.held_out, stream(seed, "held_out"))
        shares = job.shares_of(speeds)
        shards = shard(job.sharding, self.data, shares, stream(seed, "partition"))
        self.scaling: Scaling | None = None
        if job.standardised:
            self.scaling = scaling(merged(moments(Rows(self.data, rows))() for rows in shards))
            self.data = self.scaling.standardised(self.data)
            self.held_out = None if self.held_out is None else self.scaling.standardised(self.held_out)
        #: Which workers have each worker's rows, the worker itself first.
        self.holders = holders_of(job.sharding, len(shards))
        self.copied = any(len(holders) > 1 for holders in self.holders)
        again: Any = job.redundancy
        coded = again is not None and hasattr(again, "code")
        #: By which factors each worker adds up what shards say, (m, m); ``None``: each contributes its own alone.
        self.code: Array | None = code_of(again, len(shards)) if coded else None
        #: Whose contribution a worker computes that has nothing to do, if any.
        self.helps: Reexecution | None = None if coded else again
        #: Who waits for whom.
        self.waiting: Waiting = Decodable(again, job.workers) if coded else job.waiting
        #: Whether whoever computes what is not needed any more is told so.
        self.cancels: bool = self.helps is not None or getattr(self.waiting, "cancels", False)
        self._numbers, self._shards = shards, [Rows(self.data, rows) for rows in shards]
        self._orders: dict[int, tuple[int, Any]] = {}
        self._poisons = poisons
        self._poisoned: dict[tuple[Any, ...], Dataset] = {}
        self.initial: Array = job.model.initial(self.data, stream(seed, "initial"))
        #: Who follows the gradients of the model; where workers do so by themselves, ``optimiser`` is another.
        self.local_optimiser: Optimiser = fitted(job.optimiser, job.model, self.data)
        #: What makes of the total of contributions something to follow, and who follows it.
        self.model: Any = job.model if job.local is None else Displacements()
        outer = self.local_optimiser if job.local is None else job.local.outer
        self.optimiser: Optimiser = fitted(outer, self.model, self.data)
        sizes = [len(rows) for rows in shards]
        #: How many rows each worker's contribution counts, (m,).
        self.batch_rows = np.minimum(sizes, self._batch_sizes(shares, max(sizes))).astype(np.float64)
        self._sizes = self.batch_rows.astype(np.int64).tolist()
        #: What the job's privacy does, if it has one.
        self.private: Private | None = None
        self._rate, self._accounted = None, -1
        if job.privacy is not None:
            self._rate, epoch = job.privacy.sampling_rate, shortest_epoch(sizes, self._sizes)
            self.private = Private(job.privacy, job.model, seed, len(self.data), epoch, fewest(job))
            within = self.private.steps_within_budget(job.steps)
            self.job = job if within == job.steps else job.replace(steps=within)
            if self._rate is not None:
                self.batch_rows = self._rate * np.array(sizes, dtype=np.float64)
        #: Of each worker the rows that are those of every step, if they are.
        whole = zip(self._shards, self._sizes, strict=True)
        self._always = [rows if size == len(rows) and self._rate is None else None for rows, size in whole]
        self._asked_steps = job.steps
        self._rows: list[float] = self.batch_rows.tolist()
        #: Which share of a step each worker's contribution is, where all contribute.
        self.shares: list[float] = (self.batch_rows / self.batch_rows.sum()).tolist()
        #: How often a server has begun: whole numbers, which tell one life from another, are what no liar rewrites.
        self.lives = 0
        self._judged, self._contribution = -1, job.model.contribution
        self._evaluated: tuple[Array | None, float] = (None, math.nan)  # the last, by identity: nobody writes to it
        self._loaded: set[int] = set()
        self._loads = not isinstance(job.placement, InMemory)
        self._remember: dict[int, int] = {}  # since which step each worker's compression does

    def _batch_sizes(self, shares: Array, largest: int) -> Any:
        """How many rows a worker's step has: of unequal shares the mean is the job's, and each has its share of it."""
        if self.job.batch_size is None or self.job.shares == "equal":
            return self.job.batch_size or largest
        return np.maximum(np.rint(self.job.batch_size * len(shares) * shares), 1)

    def rows_of(self, workers: list[int]) -> tuple[Array, float]:
        """How many rows the contributions of these workers count, (m,), and all together."""
        if len(workers) == 1:  # as each update has that waits for nobody
            (worker,) = workers
            return self.batch_rows[worker : worker + 1].copy(), self._rows[worker]
        rows = self.batch_rows[workers]
        return rows, math.fsum(rows.tolist())

    def shard(self, worker: int) -> Rows:
        """All rows that a worker has: those that it learns from, and its copies of others'."""
        if self.code is not None:
            held = [self._numbers[place] for place in np.flatnonzero(self.code[worker])]
        elif self.copied:
            held = [self._numbers[place] for place, holders in enumerate(self.holders) if worker in holders]
        else:
            return self._shards[worker]
        return Rows(self.data, np.concatenate(held))

    def on_trial(self) -> Training:
        """The same, where nothing need be loaded: for a trial before anything runs."""
        trial = copy(self)
        trial._loads = False
        return trial

    def load(self, node: Node, worker: int) -> Program:
        """Steps on a worker's node until all of its rows are in memory, which it holds until training is over.

        Where they lie, and what reading them takes, is the job's ``placement``. Raises ``OutOfMemory``, which says how
        much was asked and how much there is, where the node has too little for them beside what other programs hold;
        what only a fault withholds is waited for.
        """
        yield from self.hold(node, self.shard(worker).size_bytes)
        yield from self.job.placement.load(self, node, worker)
        self._loaded.add(worker)

    def hold(self, node: Node, size_bytes: float) -> Program:
        """Steps until so much of a node's memory is taken, until training is over; raises as ``load`` does."""
        limit_bytes = node.spec.memory_bytes
        while True:
            try:
                held = node.memory.allocate(size_bytes)
                break
            except OutOfMemory:
                if limit_bytes is None or size_bytes > limit_bytes - node.memory.used_bytes:
                    raise
                yield node.timer(_AGAIN_S)
        if self.done.callbacks is not None:
            self.done.callbacks.append(lambda _: held.free())

    def rows(self, worker: int, clock: int, reader: int | None = None) -> Rows:
        """What a worker learns from in a step: its shard, or the next ``batch_size`` rows of it.

        ``reader`` has them on its disk, where that is another worker.

        It depends on seed, worker and clock only, so a step that is done again is the same step. A shard is gone
        through once an epoch, each epoch in a new order; what is left over at its end waits for another epoch. Where
        rows are sampled for privacy's sake, it is those of the shard that are drawn.
        """
        poisons = self._poisons[worker if reader is None else reader] if self._poisons else None
        if not poisons and (always := self._always[worker]) is not None:
            return always
        numbers, size = self._numbers[worker], self._sizes[worker]
        data = self._poisoned_by(poisons) if poisons else self.data
        if self.private is not None and self._rate is not None:
            return Rows(data, self.private.sampled(numbers, clock))
        if size == len(numbers):
            return Rows(data, numbers)
        epoch, place = divmod(clock, len(numbers) // size)
        known = self._orders.get(worker)
        if known is None or known[0] != epoch:
            order = stream(self.seed, "batch", worker, epoch).permutation(numbers)
            known = self._orders[worker] = (epoch, order)
        return Rows(data, known[1][place * size : (place + 1) * size])

    def _poisoned_by(self, poisons: Mapping[str, Any]) -> Dataset:
        """The data as a worker reads it whose labels faults have changed."""
        at_work = tuple(poisons.items())
        if at_work not in self._poisoned:
            targets = self.data.targets
            for _, change in at_work:
                targets = change(targets, self.data.classes)
            self._poisoned[at_work] = replace(self.data, targets=targets)
        return self._poisoned[at_work]

    def contribution(self, worker: int, clock: int, parameters: Array, reader: int | None = None) -> Call[Array]:
        """A worker's half of a step: what its rows, as a ``reader`` reads them, say at these parameters."""
        if self._loads and (worker if reader is None else reader) not in self._loaded:
            rule = "an exchange must let a worker load its rows before it learns from them, by training.load"
            raise ValueError(f"{rule}, got {type(self.job.exchange).__name__}, which has not")
        rows = self.rows(worker, clock, reader)
        if self.private is not None:
            return self.private.contribution(parameters, rows, worker, clock)
        return self._contribution(parameters, rows)

    def remembers(self, worker: int, clock: int) -> None:
        """A worker's compression has left something out of this step, which it is to add to the next."""
        self._remember.setdefault(worker, clock)

    def remembers_nothing(self, worker: int, clock: int) -> None:
        """A worker's compression knows nothing of the steps before this one: a verdict says it, if it should."""
        if self._remember.pop(worker, clock) < clock:
            lost = f"{self.job.workers[worker]} lost what its compression had left out"
            said = f"{self.job.name}: {lost}, so that parameters are not those of a run without faults"
            self.trace.verdict("forgotten", said)

    def work(
        self, worker: int, clock: int, parameters: Array, own: Array | None, reader: int | None = None
    ) -> Call[tuple[Array, Array | None]]:
        """All that a worker does in a step: what it contributes, and what it remembers by the rule of local work.

        ``own`` is what it has remembered in the step before, and ``reader`` as of ``rows``.
        """
        local, model = self.job.local, self.job.model
        if self.code is not None:
            shards = np.flatnonzero(self.code[worker])
            parts = [self.contribution(int(shard), clock, parameters, worker) for shard in shards]
            coded = combined(parts, self.code[worker][shards])
            return Call(lambda: (coded(), None), coded.cost)
        if local is None:
            said = self.contribution(worker, clock, parameters, reader)
            return Call(lambda: (said(), None), said.cost)
        rows = float(self.batch_rows[worker])
        of = partial(self.rows, worker, reader=reader)
        learner = Learner(model, self.local_optimiser, of, clock, rows, self.shares[worker])  # type: ignore[arg-type]
        return local.contribution(learner, parameters, own)

    def loss(self, parameters: Array) -> Call[float]:
        """The objective over all rows."""
        return self.job.model.loss(parameters, self.data.all)

    def finish(self, parameters: Array, steps: int, stopped: str | None = None) -> None:
        """Training is over, with these parameters after so many steps."""
        if self.done.triggered:
            return
        known, loss = self._evaluated
        if known is not parameters:
            loss = self.loss(parameters)()
        self.evaluated(steps, loss, parameters)
        if stopped is None and steps == self.job.steps < self._asked_steps:
            stopped = "another step would spend more privacy than its budget"
        if stopped is not None:
            done = f"{steps} of {self._asked_steps} steps"
            self.trace.verdict("stopped", f"{self.job.name} stopped after {done}: {stopped}")
        judged = None if self.held_out is None else self.predicted(parameters)
        held_out_loss = None if self.held_out is None else self.held_out_loss(parameters)
        spent = None if self.private is None else self.private.epsilon(steps)
        self.done.succeed(Trained(parameters, steps, loss, stopped, self.scaling, held_out_loss, judged, spent))

    def held_out_loss(self, parameters: Array) -> float:
        """The objective over the rows that are held out. Raises ``ValueError`` where none are."""
        if self.held_out is None:
            raise ValueError("held_out must be more than 0 for a loss over held-out rows, got 0.0")
        return float(self.job.model.loss(parameters, self.held_out.all)())

    def predicted(self, parameters: Array) -> Predictions | None:
        """What is predicted of the held-out rows, by each worker of its part of them, which follow one another.

        ``None`` where none are, where the model does not predict, and where the parameters are no finite numbers.
        """
        model: Any = self.job.model
        if self.held_out is None or not hasattr(model, "predict") or not np.isfinite(parameters).all():
            return None
        parts = np.array_split(np.arange(len(self.held_out)), len(self.job.workers))
        return predictions(model, parameters, [Rows(self.held_out, rows) for rows in parts])

    def evaluated(self, step: int, loss: float, parameters: Array) -> None:
        """The objective is known: the run's verdict says it when it, or the parameters, are numbers no more."""
        self._evaluated = parameters, loss
        if self.private is not None and step > self._accounted:
            self._accounted = step
            self.trace.recorder("privacy", "step", "epsilon")(step, self.private.epsilon(step))
        if self.job.evaluate_held_out and step != self._judged:
            self._judged, judged = step, self.predicted(parameters)
            held_out_loss = self.held_out_loss(parameters)
            blind = math.nan if hasattr(self.job.model, "predict") else -held_out_loss
            said = blind if judged is None else score(judged)
            self.trace.recorder("held_out", "step", "loss", "score")(step, held_out_loss, said)
        if self._diverged or (math.isfinite(loss) and np.isfinite(parameters).all()):
            return
        self._diverged = True
        what = "the parameters are no longer finite" if math.isfinite(loss) else f"the loss is {loss}"
        self.trace.verdict("diverged", f"{self.job.name}: {what} after {step} of {self.job.steps} steps")
