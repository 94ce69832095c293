"""Vertical distribution: each worker has some of the columns of all rows, and all add up their parts of the scores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from simcluster.cluster import Cluster, Node
from simcluster.cluster.collectives import ALGORITHMS, Member
from simcluster.engine import Period, Program, Spec, stream
from simcluster.learning import Array, Call, Linear, random
from simcluster.learning.columns import deal_columns, gradient_sums, part_of_scores
from simcluster.learning.optimisers.each_number import moves_each_number_by_itself
from simcluster.training.exchange.peers.column_blocks import Blocks
from simcluster.training.exchange.peers.peer import refusal
from simcluster.training.placement import InMemory

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob
    from simcluster.training.training import Training


class Vertical(Spec):
    """Workers that have columns instead of rows add up the scores of a linear model, and keep their weights.

    A worker's part of the scores of n rows, of k outputs each, is X_w·W_w of its own columns; all have the sum of these
    and the targets (Hu et al., "FDML", KDD 2019; no part is hidden from others here). Each finds from it the slopes of
    the rows' losses, the gradient of its own weights, and the bias, which is the same for all. No worker ever sees
    another's columns. The parameters are one machine's, but for how sums are rounded.

    A step of p workers is a sum of n·k numbers: by a ``ring`` 2p(p − 1) messages with 2(p − 1)(8nk + 80p) bytes in all,
    and at the end there is one more sum, of the (d + 1)·k parameters, so that all have them. By ``recursive_doubling``
    it is as in an ``AllReduce``, of as many numbers. To exchange gradients of rows instead takes (d + 1)·k numbers a
    step: this is for rows that are fewer than columns, or that do not lie together.

    A worker's weights are nowhere else. With ``recovery`` that keeps every step it goes on from them after a crash, and
    no bit of the answer changes: nobody is more than a sum ahead, and the last sum is kept by all. Without it, or where
    its disk is lost, training stops and says so.
    """

    kind: Literal["vertical"] = "vertical"
    columns: Literal["ordered", "random"] = "ordered"
    """Which columns lie on which worker: neighbours as they stand, or any."""
    algorithm: Literal["ring", "recursive_doubling"] = "ring"
    """Who sends what to whom: blocks round a ring, or all to partners 1, 2, 4, … places away."""
    retry_s: Period = 1.0
    """After how long a worker asks again for what it waits for; longer than the slowest step, or it asks in vain."""

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the workers."""
        blocks = self._blocks(training)
        record = cluster.trace.recorder("loss", "step", "loss")
        for index, worker in enumerate(training.job.workers):
            program = partial(work, exchange=self, blocks=blocks, index=index, record_loss=record)
            cluster[worker].boot(program, f"{training.job.name}.worker")

    def fits(self, training: Training) -> None:
        """Raise ``ValueError`` where a worker would have no column."""
        self._blocks(training)

    def _blocks(self, training: Training) -> Blocks:
        generator = stream(training.seed, "columns")
        return Blocks(training, deal_columns(training.data, len(training.job.workers), self.columns, generator))

    def refuses(self, job: TrainingJob) -> str | None:
        """All need the scores of all rows, and nobody has the whole objective."""
        if not hasattr(job.model, "score_slopes"):
            return f"model must be linear, with score_slopes, with {self.kind}, got {job.model!r}"
        optimiser: Any = job.optimiser
        if getattr(optimiser, "learning_rate", None) == "auto":
            optimiser = optimiser.replace(learning_rate=1.0)
        if not moves_each_number_by_itself(optimiser):
            return f"optimiser must move each number by itself with {self.kind}, got {job.optimiser!r}"
        for field, only in (("sharding", random), ("shares", "equal"), ("batch_size", None)):
            if (got := getattr(job, field)) != only:
                wanted = getattr(only, "__name__", only)
                return f"{field} must be {wanted} with {self.kind}, where every worker has all rows, got {got!r}"
        if job.evaluation == "paid" or job.target_loss is not None:
            got = "evaluation 'paid'" if job.evaluation == "paid" else f"target_loss {job.target_loss}"
            return f"the objective must be evaluated outside with {self.kind}, where nobody has all weights, got {got}"
        if not isinstance(job.placement, InMemory):
            return f"placement must be in_memory with {self.kind}, where nobody has whole rows, got {job.placement!r}"
        return refusal(job, self.kind)


def work(node: Node, *, exchange: Vertical, blocks: Blocks, index: int, record_loss: Any) -> Program:
    """Do step after step with the others, and last a sum of the parameters. ``number`` sums have been made use of."""
    training, job = blocks.training, blocks.training.job
    model = cast(Linear, job.model)  # or the job would have been refused
    record_begin = node.cluster.trace.recorder("step", "worker", "clock")
    record_done = node.cluster.trace.recorder("contribution", "worker", "clock", "accepted")
    features, number = np.ascontiguousarray(training.data.features[:, blocks.columns[index]]), 0
    yield from training.hold(node, features.nbytes + training.data.targets.nbytes)
    block = blocks.initial(index)
    memory = training.optimiser.start(block)
    member = Member(node, job.workers, job.name, ALGORITHMS[exchange.algorithm], exchange.retry_s, None)
    keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.{node.name}")
    if keeper is not None and (kept := (yield from keeper.restore())) is not None:
        number, block, memory, member.state = kept
        member.number = number
    node.spawn(member.answer())
    if node.crashes:
        yield from member.rejoin()
    while number <= job.steps and not training.done.triggered:
        if member.number == number:
            if number == job.steps:
                part = blocks.padded(index, block)
            else:
                record_begin(node.name, number)
                part = yield node.compute(part_of_scores(block[:-1], features))
            total = yield from member.add_up(part)
            if total is not None:
                member.advance(total)
        if member.number > number + 1:
            return blocks.lost(node.name)
        total = member.state
        if number == job.steps:
            return blocks.end(node.name, total)
        slopes = yield node.compute(model.score_slopes(total + block[-1], training.data.all))
        sums = yield node.compute(gradient_sums(features, slopes))
        block, memory = yield node.compute(_step(training, model, block, sums, memory, number))
        number += 1
        record_done(node.name, number - 1, True)
        blocks.reached(index, number, block, record_loss)
        if keeper is not None:
            yield from keeper.after_step(number, partial(tuple, (number, block, memory, total)))


def _step(training: Training, model: Linear, block: Array, sums: Array, memory: Array, clock: int) -> Call[Any]:
    """The optimiser's step of a worker's own weights, and of the bias."""
    gradient = model.gradient(block, sums, float(len(training.data)))
    return training.optimiser.step(block, gradient, memory, clock, 1.0)
