"""The rows that a node of elastic training has in memory, and how it gets those of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.cluster import Message, Node
from simcluster.engine import Program
from simcluster.learning import Array, Call, Cost, Rows
from simcluster.recovery import ask
from simcluster.training.exchange.surviving.roster import Part
from simcluster.training.placement import InMemory

if TYPE_CHECKING:
    from simcluster.training.exchange.surviving.elastic_server import ElasticServer
    from simcluster.training.training import Training


class HeldRows:
    """Rows of any shards on one node, which it keeps once it has them: a worker's own, or those that it has been given.

    ``place`` is that of the worker, ``None`` on a spare.
    """

    def __init__(self, node: Node, exchange: ElasticServer, training: Training, place: int | None) -> None:
        self._node, self._exchange, self._training, self._place = node, exchange, training, place
        self._held = np.zeros(len(training.data), dtype=bool)
        self._pieces: dict[Part, Any] = {}
        self._record = node.cluster.trace.recorder("load", "worker", "size_bytes", "begin_s")

    def begin(self) -> Program:
        """Steps until a worker has its own rows, or a hot spare those of all."""
        training = self._training
        if self._place is not None:
            yield from training.load(self._node, self._place)
            self._held[training.shard(self._place).numbers] = True
        elif self._exchange.standby == "hot":
            for shard in range(len(training.job.workers)):
                yield from self.bring([(shard, 0, 1)])

    def bring(self, parts: Sequence[Part]) -> Program:
        """Steps until the rows of these parts are here, which have to come over the network."""
        training, node = self._training, self._node
        for part in parts:
            lacking = self._numbers(part)
            lacking = lacking[~self._held[lacking]]
            if not len(lacking):
                continue
            rows = Rows(training.data, lacking)
            yield from training.hold(node, rows.size_bytes)
            if isinstance(training.job.placement, InMemory):
                yield from self._ask(rows)
            else:
                yield from training.job.placement.load(training, node, part[0])
            self._held[lacking] = True

    def _ask(self, rows: Rows) -> Program:
        """Let the server send rows, until they are as they were."""
        node, exchange, begin_s = self._node, self._exchange, self._node.env.now
        kind = f"{self._training.job.name}.rows"
        while True:
            reply: Message = yield from ask(node, exchange.server, kind, rows.numbers, timeout_s=exchange.retry_s)
            features, targets = reply.body
            if np.array_equal(features, rows.features) and np.array_equal(targets, rows.targets):
                break
            yield node.timer(exchange.retry_s)
        self._record(node.name, rows.size_bytes, begin_s)

    def contribution(self, parts: Sequence[Part], clock: int, parameters: Array) -> Call[Array]:
        """What all rows of a step that are in these parts say."""
        training = self._training
        calls = []
        for part in parts:
            rows = training.rows(part[0], clock, self._place)
            if self._place is None:  # whose rows have never been on the disk of a worker
                rows = Rows(training.data, rows.numbers)
            if part[2] > 1:
                rows = Rows(rows.data, rows.numbers[self._mask(part)[rows.numbers]])
            if len(rows):
                calls.append(training.job.model.contribution(parameters, rows))
        cost = calls[0].cost
        for each in calls[1:]:
            cost = cost + each.cost + Cost(float(parameters.size), 24.0 * parameters.size)

        def added() -> Array:
            found: Array = calls[0]()
            for each in calls[1:]:
                found = found + each()
            return found

        return Call(added, cost)

    def _numbers(self, part: Part) -> Any:
        """The row numbers of a part."""
        shard, piece, pieces = part
        return np.array_split(self._training.shard(shard).numbers, pieces)[piece]

    def _mask(self, part: Part) -> Any:
        """Which rows of all are in a part, (n,)."""
        if part not in self._pieces:
            mask = np.zeros(len(self._training.data), dtype=bool)
            mask[self._numbers(part)] = True
            self._pieces[part] = mask
        return self._pieces[part]


def give_rows(node: Node, *, training: Training) -> Program:
    """Send whoever asks the rows of these numbers."""
    while True:
        message: Message = yield node.receive(f"{training.job.name}.rows")
        rows = Rows(training.data, np.asarray(message.body))
        node.reply(message, (rows.features, rows.targets), None)
