"""Gossip: each worker has parameters of its own, and averages them with its neighbours' (D-PSGD)."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simcluster.cluster import Cluster, Node
from simcluster.cluster.collectives import Neighbourhood
from simcluster.engine import Period, Program, Spec
from simcluster.learning import Array, Call, Cost
from simcluster.training.exchange.peers.averaging import averaged, averaging_refusal
from simcluster.training.exchange.peers.mixing import AnyGraph, AnyMixing, metropolis, ring
from simcluster.training.exchange.servers.assembly import Assembly
from simcluster.training.training import Training
from simcluster.training.update import update_of
from simcluster.training.waiting import BoundedStaleness

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class Gossip(Spec):
    """D-PSGD (Lian et al., "Can decentralized algorithms outperform centralized algorithms?", NIPS 2017).

    Each worker makes a step of its own contribution and averages with its neighbours, x_i ← Σ_j w_ij·(x_j − η·g_j):
    algorithm 1 with its lines 4 and 5 exchanged, as the paper allows, so that with W = 11ᵀ/n and batches of one size
    it is bulk-synchronous descent. What the optimiser remembers stays with its worker. A step is a message of
    72 + 8m bytes over each edge in each direction, for m parameters. How far workers are from each other shrinks, where
    they do nothing but average, by W's second eigenvalue λ₂ in each step.

    No crash and no loss that ends changes one bit (``Neighbourhood``): a worker that restarts does its steps again,
    from what ``recovery`` has kept on its behalf or from the first on, with what its neighbours told it then, which
    they remember all the time. The run's parameters are the mean of the workers', which no node has; they are
    evaluated from outside, and the record ``consensus`` has the workers' root mean square distance from them.
    """

    kind: Literal["gossip"] = "gossip"
    graph: AnyGraph = ring
    """Who averages with whom."""
    mixing: AnyMixing = metropolis
    """At which weights."""
    overlapped: bool = False
    """Whether parameters travel while gradients are computed: x_i ← Σ_j w_ij·x_j − η·g_i(x_i), as in the paper."""
    retry_s: Period = 1.0
    """After how long a worker asks again for what it waits for; longer than the slowest step, or it asks in vain."""

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the workers."""
        workers = training.job.workers
        assembly = Assembly(training, len(workers), averaged(training.trace))
        graph = self.graph(len(workers))
        weights = self.mixing(graph)
        for index, worker in enumerate(workers):
            near = sorted({*graph[index]} - {index})
            given: dict[str, Any] = {"exchange": self, "training": training, "assembly": assembly, "index": index}
            program = partial(_work, near=near, weights=weights[index][sorted([*near, index])], **given)
            cluster[worker].boot(program, f"{training.job.name}.worker")

    def refuses(self, job: TrainingJob) -> str | None:
        """Workers have to be able to average, and wait for each other."""
        if job.waiting != BoundedStaleness():
            return f"waiting must be bulk-synchronous with {self.kind}, got {job.waiting!r}"
        return averaging_refusal(job, self.kind, self.graph, self.mixing)


def _work(
    node: Node, *, exchange: Gossip, training: Training, assembly: Assembly, index: int, near: list[int], weights: Array
) -> Program:
    """Do step after step with the neighbours."""
    job, record = training.job, node.cluster.trace.recorder
    record_begin = record("step", "worker", "clock")
    record_contribution = record("contribution", "worker", "clock", "accepted")
    update, own = update_of(training), None
    here = Neighbourhood(node, [job.workers[place] for place in near], job.name, exchange.retry_s)
    place = bisect(near, index)  # among the neighbours
    keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.{node.name}")
    kept = None if keeper is None else (yield from keeper.restore())
    if kept is not None:
        update.state, own = kept[1:]
    if kept is not None or node.crashes:
        here.begin(0 if kept is None else kept[0])
    node.spawn(here.answer())
    yield from training.load(node, index)
    while not training.done.triggered:
        if here.forgotten:  # a neighbour has to do steps again that were before this program's first
            update, own = update_of(training), None
            here.begin(0)
        if here.number == job.steps:
            yield node.timer(exchange.retry_s)
            continue
        clock, before = here.number, update.parameters
        record_begin(node.name, clock)
        if exchange.overlapped:
            here.tell(before)
        contribution, own = yield node.compute(training.work(index, clock, before, own))
        yield node.compute(update.take([index], [contribution], clock, 1.0))
        record_contribution(node.name, clock, True)
        after = update.parameters
        if not exchange.overlapped:
            here.tell(after)
        heard = yield from here.hear()
        if heard is None:
            continue
        heard.insert(place, before if exchange.overlapped else after)
        mixed = yield node.compute(_mixed(heard, weights))
        update.parameters = mixed + (after - before) if exchange.overlapped else mixed
        assembly.put(index, clock + 1, update.parameters)
        if keeper is not None and clock + 1 < job.steps:
            state = here.number, update.state, own
            yield from keeper.after_step(clock + 1, partial(tuple, state))


def _mixed(heard: Sequence[Array], weights: Array) -> Call[Array]:
    """Σ_j w_j·x_j, in the order of workers."""
    numbers = float(len(heard) * heard[0].size)

    def mixed() -> Array:
        return np.asarray(np.add.reduce([weight * each for weight, each in zip(weights, heard, strict=True)], axis=0))

    return Call(mixed, Cost(flops=2 * numbers, bytes=8 * (numbers + heard[0].size)))
