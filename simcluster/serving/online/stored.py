"""Batches from storage: a loader writes all of them first, then the learner reads one after the other."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from simcluster.cluster import Cluster, Failure, Node
from simcluster.engine import NodeName, Program, Spec
from simcluster.learning import Dataset, Rows
from simcluster.recovery import AnyStore, LocalStore
from simcluster.serving.online.course import Course
from simcluster.serving.online.wake import batch_kind, wake


class StoredBatches(Spec):
    """Each batch lies in a store, from which the learner reads it; all that takes what the store takes.

    A batch of n rows with d features is 8n(d + 1) bytes and those of its envelope. Learning begins when all are
    written, and reads each when it has learned from the one before. From a ``LocalStore`` that takes
    ``seek_s`` + bytes / ``bandwidth_bytes_per_s`` each. After a crash batches are read again from where what was kept
    ends. One that cannot be read, or was never written, is lost, and the next one is read.
    """

    kind: Literal["stored"] = "stored"
    store: AnyStore = LocalStore()
    """Where they lie: on the learner's own disk, on another node's, or on those of several."""
    loader: NodeName | None = None
    """The node that writes them (``None``: the learner); on a ``LocalStore`` others' batches are not to be found."""

    def start(self, cluster: Cluster, course: Course) -> StoredFeed:
        """Boot the store and the loader."""
        self.store.start(cluster)
        feed = StoredFeed(self, course)
        cluster[self.loader or course.job.learner].boot(partial(load, feed=feed), f"{course.job.name}.loader")
        return feed

    def refuses(self, batches: int) -> str | None:
        """Any number can be stored."""
        return None


class StoredFeed:
    """How far loading is, and which batches have been read."""

    replays = True

    def __init__(self, batches: StoredBatches, course: Course) -> None:
        self.position = self.loaded = 0
        self.store, self.course = batches.store, course
        self._begun_s: dict[int, float] = {}

    def next(self, node: Node, following: int) -> Program:
        """Read batches until one is there."""
        while self.loaded < self.course.count:
            yield node.receive(batch_kind(self.course.job))
        for number in range(following, self.course.count):
            if number in self.course.lost:
                continue
            self._begun_s.setdefault(number, node.env.now)
            self.position = max(self.position, number + 1)
            try:
                read = yield from self.store.read(node, self.key(number))
            except KeyError:
                self.course.lose(number, "missing")
            except Failure as failure:
                self.course.lose(number, failure.cause)
            else:
                if (rows := self._rows(read)) is not None:
                    return number, rows
                self.course.lose(number, "corrupted")
        return None

    def came_s(self, number: int) -> float:
        """When its first reading began."""
        return self._begun_s[number]

    def begin(self) -> None:
        """What was in hand is read again."""

    def settle(self, number: int) -> None:
        """Nobody waits for it."""

    def key(self, number: int) -> str:
        """What a batch is stored under."""
        return f"{self.course.job.name}.batch-{number}"

    def value(self, number: int) -> tuple[Any, Any]:
        """What is stored: features (n, d) and targets (n,)."""
        rows = self.course.rows(number)
        return rows.features, rows.targets

    def _rows(self, read: tuple[Any, Any]) -> Rows | None:
        """What has been read as rows; ``None`` where that is no data any more, for bits have flipped on the way."""
        try:
            return Rows(Dataset(*read, self.course.data.classes))
        except ValueError:
            return None


def load(node: Node, *, feed: StoredFeed) -> Program:
    """Write what is not known to be written; a batch that the store does not take is lost."""
    while feed.loaded < feed.course.count:
        number = feed.loaded
        try:
            yield from feed.store.write(node, feed.key(number), feed.value(number))
        except Failure as failure:
            feed.course.lose(number, failure.cause)
        feed.loaded = number + 1
    wake(node.cluster, feed.course.job)
