"""Pairwise gossip: a worker averages with one neighbour at a time, and waits for nobody else (AD-PSGD)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from simcluster.cluster import UNANSWERED, Cluster, Message, Node
from simcluster.engine import Period, Program, Spec, stream
from simcluster.recovery import ask
from simcluster.training.exchange.peers.averaging import averaged, averaging_refusal
from simcluster.training.exchange.peers.mixing import AnyGraph, metropolis, ring
from simcluster.training.exchange.servers.assembly import Assembly
from simcluster.training.training import Training
from simcluster.training.update import Update, update_of

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class PairwiseGossip(Spec):
    """AD-PSGD (Lian et al., "Asynchronous decentralized parallel stochastic gradient descent", ICML 2018).

    While a worker computes a gradient, it averages with a random neighbour: it sends its x_i, the neighbour answers
    with d = (x_j − x_i)/2, by which one goes up and the other down. Then the gradient, of where the worker was when it
    began, moves where it is now. Who has asked and has no answer yet averages with nobody else, or both would come too
    far: whoever asks it meanwhile waits for that where its place is lower, and is told to go without where it is
    higher. So nobody waits in a circle, and graphs need not be bipartite as the paper's. A worker's step is two
    messages of 64 + 8m bytes, for m parameters, or 64 for the answer to go without. That a neighbour averages takes no
    core's time.

    Each worker does as many steps as the job has, at its own pace, and then only answers. A worker that restarts takes
    over parameters and step of a neighbour (or what ``recovery`` kept, or begins anew), so crashes do change what is
    learned. The run's parameters are the mean of the workers', as with ``Gossip``, with its record ``consensus``:
    after step k as each worker had them when its own step k was done.
    """

    kind: Literal["pairwise_gossip"] = "pairwise_gossip"
    graph: AnyGraph = ring
    """Who may average with whom."""
    retry_s: Period = 1.0
    """After how long a request that is refused or not answered is repeated."""

    def start(self, training: Training, cluster: Cluster) -> None:
        """Boot the workers."""
        workers = training.job.workers
        assembly = Assembly(training, len(workers), averaged(training.trace))
        graph = self.graph(len(workers))
        for index, worker in enumerate(workers):
            near = tuple(workers[place] for place in sorted({*graph[index]} - {index}))
            given: dict[str, Any] = {"training": training, "assembly": assembly, "index": index, "near": near}
            cluster[worker].boot(partial(_work, exchange=self, **given), f"{training.job.name}.worker")

    def refuses(self, job: TrainingJob) -> str | None:
        """Workers have to be able to average, and nobody waits."""
        if job.waiting.sees(0) != math.inf:
            return f"staleness must be infinite with {self.kind}, where nobody waits, got {job.waiting!r}"
        return averaging_refusal(job, self.kind, self.graph, metropolis)


@dataclass
class _Pairs:
    """A worker's averages: with one other at a time, once for each request, however often it comes."""

    node: Node
    kind: str
    workers: tuple[str, ...]
    update: Update
    asking: bool = False
    deferred: list[Message] = field(default_factory=list)
    answered: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    seen: set[Any] = field(default_factory=set)

    def ask(self, neighbour: str, retry_s: float) -> Program:
        """Go half of the way to a neighbour, which comes the other half, unless it cannot now."""
        self.asking = True
        reply = yield from ask(self.node, neighbour, self.kind, self.update.parameters, timeout_s=retry_s)
        if reply.body is not None:
            self.update.parameters = self.update.parameters + reply.body
        self.asking = False
        deferred, self.deferred = self.deferred, []
        for message in deferred:
            self.answer(message)

    def answer(self, message: Message) -> None:
        """Average with who asks, or let it wait, or go without."""
        source, request_id = message.source, message.request_id
        if source not in self.workers:  # nobody's: a message in another's name
            return
        if request_id not in self.seen:
            if self.asking and self.workers.index(source) < self.workers.index(self.node.name):
                self.deferred.append(message)
                return
            self.seen.add(request_id)
            half = None if self.asking else (self.update.parameters - message.body) / 2
            if half is not None:
                self.update.parameters = self.update.parameters - half
            self.answered[source] = request_id, half
        known, half = self.answered[source]
        if known == request_id:  # else nobody waits for it any more
            self.node.reply(message, half)


def _work(
    node: Node, *, exchange: PairwiseGossip, training: Training, assembly: Assembly, index: int, near: tuple[str, ...]
) -> Program:
    """Do step after step, and average meanwhile."""
    job, record, retry_s = training.job, node.cluster.trace.recorder, exchange.retry_s
    record_begin = record("step", "worker", "clock")
    record_contribution = record("contribution", "worker", "clock", "accepted")
    pair, asked = f"{job.name}.pair", f"{job.name}.parameters"
    update, own, clock = update_of(training), None, 0
    keeper = None if job.recovery is None else job.recovery.keeper(node, f"{job.name}.{node.name}")
    kept = None if keeper is None else (yield from keeper.restore())
    if kept is not None:
        clock, update.state, own = kept
    elif node.crashes:
        clock = yield from _take_over(node, near, asked, retry_s, update)
        assembly.put(index, clock, update.parameters)
    done, pairs = [clock], _Pairs(node, pair, job.workers, update)
    node.spawn(_answer(node, asked, pairs, done))
    yield from training.load(node, index)
    while clock < job.steps and not training.done.triggered:
        record_begin(node.name, clock)
        asking = None
        if near:
            neighbour = near[int(stream(training.seed, "pair", index, clock).integers(len(near)))]
            asking = node.spawn(pairs.ask(neighbour, retry_s))
        contribution, own = yield node.compute(training.work(index, clock, update.parameters, own))
        if asking is not None:
            yield asking
        yield node.compute(update.take([index], [contribution], clock, 1.0))
        record_contribution(node.name, clock, True)
        clock = done[0] = clock + 1
        assembly.put(index, clock, update.parameters)
        if keeper is not None and clock < job.steps:
            state = clock, update.state, own
            yield from keeper.after_step(clock, partial(tuple, state))


def _answer(node: Node, asked: str, pairs: _Pairs, done: list[int]) -> Program:
    """Average with whoever asks, and tell whoever wants to know where this worker is."""
    while True:
        message: Message = yield node.receive(pairs.kind, asked)
        if message.kind == asked:
            node.reply(message, (done[0], pairs.update.state))
        else:
            pairs.answer(message)


def _take_over(node: Node, near: tuple[str, ...], asked: str, retry_s: float, update: Update) -> Program:
    """Go on from where the first neighbour is that answers: the step that is next, 0 where none does."""
    for neighbour in near:
        try:
            reply = yield from ask(node, neighbour, asked, timeout_s=retry_s, attempts=1)
        except UNANSWERED:
            continue
        clock, update.state = reply.body
        return clock
    return 0
