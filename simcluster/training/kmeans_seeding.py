"""The first centres of k-means by k-means‖ on a cluster, as a job: what their finding costs."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property, partial
from typing import Literal, NamedTuple

import numpy as np
from pydantic import model_validator

from simcluster.cluster import Cluster, ClusterSpec, Node
from simcluster.engine import Count, Event, Name, NodeName, NodeNames, Period, Program, Spec, check_apart, stream
from simcluster.learning import AnyData, AnySharding, Bundled, Call, Dataset, MissingFile, Rows, random, shard
from simcluster.learning.initialisation import parallel_seed
from simcluster.learning.kmeans_parallel import Question, SeedingShard, last, seeding, seeding_cost
from simcluster.recovery import ask_all


class KMeansSeeding(Spec):
    """k-means‖ (Bahmani et al., VLDB 2012): ``server`` asks all ``workers`` twice a round, and weighs and chooses last.

    Its outcome are the centres (k, d), the bits with which a training job of ``KMeans(initialisation="k-means||")`` on
    the same data and seed begins. A round at c candidates of d features takes two requests of 80 + 8cd bytes to each
    worker (64 of head, 16 of round and φ). They hold all candidates, so that a worker that has crashed can answer; it
    answers with 64 bytes and 8 for each part of φ, then 64 and 8 (d + 1) for each row it has drawn. Before the rounds
    comes one such draw at c = 0, and after them a request with all candidates, answered with a count for each.
    """

    kind: Literal["kmeans_seeding"] = "kmeans_seeding"
    clusters: Count = 10
    """How many centres are chosen."""
    data: AnyData = Bundled()
    """What they are chosen from."""
    sharding: AnySharding = random
    """Which rows lie on which worker."""
    server: NodeName
    """The node that asks, and chooses; none of the workers."""
    workers: NodeNames
    """The nodes that hold the rows."""
    retry_s: Period = 1.0
    """After how long a worker that does not answer, or refuses, is asked again."""
    name: Name = "kmeans_seeding"
    """What its programs and messages begin with."""

    @model_validator(mode="after")
    def _nodes_differ(self) -> KMeansSeeding:
        check_apart("server", self.server, "workers", self.workers)
        return self

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where data, clusters and workers do not fit, by the data of seed 0, if it is here."""
        _ = self._fits

    @cached_property
    def _fits(self) -> bool:
        with suppress(MissingFile):  # it may be there where this is run
            self._prepared(0)
        return True

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the workers and the server; the event's value are the centres."""
        data, shards = self._prepared(seed)
        chosen, done = _Choice(self, data, parallel_seed(stream(seed, "initial"))), cluster.env.event()
        for worker, rows in zip(self.workers, shards, strict=True):
            cluster[worker].boot(partial(_answer, choice=chosen, rows=rows), f"{self.name}.worker")
        cluster[self.server].boot(partial(_choose, choice=chosen, done=done), f"{self.name}.server")
        return done

    def _prepared(self, seed: int) -> tuple[Dataset, list[Rows]]:
        data = self.data.load(seed)
        data.check_squares()
        distinct = len(np.unique(data.features, axis=0))
        if self.clusters > distinct:
            raise ValueError(f"clusters must be at most the {distinct} distinct rows, got {self.clusters}")
        shares = np.full(len(self.workers), 1 / len(self.workers))
        return data, [Rows(data, rows) for rows in shard(self.sharding, data, shares, stream(seed, "partition"))]


class _Choice(NamedTuple):
    """What is chosen, from what, and by which draws."""

    job: KMeansSeeding
    data: Dataset
    seed: int


def _answer(node: Node, *, choice: _Choice, rows: Rows) -> Program:
    """A worker: answers questions about its rows; to be asked twice does no harm."""
    job = choice.job
    held = SeedingShard(rows, job.clusters, choice.seed)
    kinds = {f"{job.name}.{what}": what for what in ("spread", "draw", "weigh")}
    while True:
        message = yield node.receive(*kinds)
        node.reply(message, (yield node.compute(held.answer(Question(kinds[message.kind], *message.body)))))


def _choose(node: Node, *, choice: _Choice, done: Event) -> Program:
    """The server: question after question, all workers at once; after its crash it begins anew."""
    job, features = choice.job, choice.data.features.shape[1]
    asking = seeding(features, job.clusters, choice.seed)
    question = next(asking)
    while not done.triggered:
        kind, body = f"{job.name}.{question.what}", tuple(question)[1:]
        answers = yield from ask_all(node, job.workers, kind, body, timeout_s=job.retry_s)
        if question.what == "weigh":
            cost = seeding_cost(len(question.candidates), features, job.clusters)
            done.succeed((yield node.compute(Call(partial(last, asking, answers), cost))))
            return
        question = asking.send(answers)
