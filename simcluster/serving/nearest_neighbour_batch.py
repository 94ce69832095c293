"""Predictions by nearest neighbours as a batch: every shard is asked for every query, and the front end votes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simcluster.cluster import Cluster, ClusterSpec, Node, Ran
from simcluster.engine import (
    NUMBER,
    Count,
    Event,
    Name,
    NodeName,
    NodeNames,
    Period,
    Program,
    Spec,
    check_apart,
    stream,
)
from simcluster.learning import (
    AnyData,
    AnySharding,
    Bundled,
    Dataset,
    MissingFile,
    Neighbours,
    NeighbourShard,
    merge_all,
    random,
    shard,
    vote,
)
from simcluster.recovery import ask_all


@dataclass(frozen=True, eq=False)
class Predicted:
    """What was asked and said: row numbers of the data, their true targets and the predictions, (q,) each.

    ``neighbours`` are the numbers of the rows that voted, nearest first, (q, k).
    """

    queries: NDArray[np.int64]
    targets: NDArray[Any]
    predictions: NDArray[Any]
    neighbours: NDArray[np.int64]


class NearestNeighbourBatch(Spec):
    """k-nearest neighbours (Cover & Hart 1967), rows in shards: classification by vote, regression by mean.

    Each server searches its shard, exactly; the front end merges the lists by (squared distance, row number), so that
    the answer is that of one machine however the rows lie, duplicates included. Of labels with equally many votes the
    smallest wins. To merge votes of shards instead of their neighbours is wrong: a shard's k nearest need not be near.

    Of b queries of d features each server gets 8bd bytes and answers 16bk, beside 64 of each message's head: of q
    queries in batches of b, m servers, 2·64·m·⌈q/b⌉ + m·q·(8d + 16k) in all. A crash of a server costs time: it is
    asked again. After its own crash the front end begins anew. The event's value is ``Predicted``.
    """

    kind: Literal["nearest_neighbour_batch"] = "nearest_neighbour_batch"
    data: AnyData = Bundled()
    """What is searched, and asked."""
    sharding: AnySharding = random
    """Which of the rows that are searched lie on which server."""
    query_share: Annotated[float, Field(gt=0, lt=1), NUMBER] = 0.25
    """Which share of the rows, drawn at random, is asked; the others are searched."""
    neighbours: Count = 5
    """How many rows vote."""
    batch_size: Count | None = 64
    """How many queries are asked at once (``None``: all)."""
    front_end: NodeName
    """The node that asks, merges and votes."""
    servers: NodeNames
    """The nodes that hold a shard each."""
    retry_s: Period = 1.0
    """After how long a server that does not answer, or refuses, is asked again."""
    name: Name = "nearest_neighbours"
    """What its programs and messages begin with."""

    @model_validator(mode="after")
    def _nodes_differ(self) -> NearestNeighbourBatch:
        check_apart("front_end", self.front_end, "servers", self.servers)
        return self

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where data, neighbours and servers do not fit, by the data of seed 0, if it is here."""
        _ = self._fits

    @cached_property
    def _fits(self) -> bool:
        with suppress(MissingFile):  # it may be there where this is run
            self._prepared(0)
        return True

    def split(self, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of the rows that are searched, and of those that are asked, ascending."""
        return self._split(len(self.data.load(seed)), seed)

    def _split(self, rows: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        asked = max(1, round(rows * self.query_share))
        order = stream(seed, "queries").permutation(rows)
        return np.sort(order[asked:]), np.sort(order[:asked])

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the servers and the front end; the event's value is ``Predicted``."""
        batch, done = self._prepared(seed), cluster.env.event()
        for server, held in zip(self.servers, batch.shards, strict=True):
            cluster[server].boot(partial(_serve, job=self, held=held), f"{self.name}.server")
        cluster[self.front_end].boot(partial(_ask_all, job=self, batch=batch, done=done), f"{self.name}.front_end")
        return done

    def metrics(self, result: Ran) -> dict[str, float]:
        """``accuracy`` of labels, ``rmse`` of others, of a run that is over."""
        if not isinstance(said := result.outcome, Predicted):
            return {}
        if said.predictions.dtype == np.int64:
            return {"accuracy": float(np.mean(said.predictions == said.targets))}
        return {"rmse": float(np.sqrt(np.mean((said.predictions - said.targets) ** 2)))}

    def _prepared(self, seed: int) -> _Batch:
        data = self.data.load(seed)
        data.check_squares()
        known, asked = self._split(len(data), seed)
        if self.neighbours > len(known):
            raise ValueError(f"neighbours must be at most the {len(known)} rows searched, got {self.neighbours}")
        searched = data.part(known)
        shares = np.full(len(self.servers), 1 / len(self.servers))
        parts = shard(self.sharding, searched, shares, stream(seed, "partition"))
        shards = [NeighbourShard(data.features, known[np.sort(part)]) for part in parts]
        return _Batch(data, asked, shards)


class _Batch(NamedTuple):
    """What is asked of whom."""

    data: Dataset
    asked: NDArray[np.int64]
    shards: list[NeighbourShard]


def _serve(node: Node, *, job: NearestNeighbourBatch, held: NeighbourShard) -> Program:
    """A server: answers queries with the nearest rows of its shard; to be asked twice does no harm."""
    while True:
        message = yield node.receive(f"{job.name}.ask")
        node.reply(message, tuple((yield node.compute(held.search_all(message.body, job.neighbours)))))


def _ask_all(node: Node, *, job: NearestNeighbourBatch, batch: _Batch, done: Event) -> Program:
    """The front end: batch after batch, all servers at once."""
    if done.triggered:
        return
    data, size = batch.data, job.batch_size or len(batch.asked)
    said: list[NDArray[Any]] = []
    nearest: list[NDArray[np.int64]] = []
    for begin in range(0, len(batch.asked), size):
        points = data.features[batch.asked[begin : begin + size]]
        found = yield from ask_all(node, job.servers, f"{job.name}.ask", points, timeout_s=job.retry_s)
        merged = yield node.compute(merge_all([Neighbours(*each) for each in found]))
        said.append((yield node.compute(vote(data.targets[merged.rows], data.classes))))
        nearest.append(merged.rows)
    targets = np.array(data.targets[batch.asked])
    done.succeed(Predicted(batch.asked, targets, np.concatenate(said), np.concatenate(nearest)))
