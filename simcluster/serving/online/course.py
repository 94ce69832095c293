"""One run of online learning: its rows in batches, its mathematics, and what the world knows of what became of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simcluster.engine import Event, Trace, stream
from simcluster.learning import Array, Call, Dataset, Optimiser, Rows, call, fitted
from simcluster.serving.protocols import Feed

if TYPE_CHECKING:
    from simcluster.serving.online.job import OnlineLearning


@dataclass(frozen=True, eq=False)
class Learned:
    """What online learning gave: the parameters, and what became of each batch that came.

    ``batches`` are the numbers of those that the parameters have learned from, in this order, each once; ``lost`` are
    the others, each with its cause: "down" (nobody was there), "inbox_full", "crash" (it was in hand, or waited, in a
    memory that was lost), "forgotten" (learned from, and lost with the memory), or why it could not be read.
    """

    parameters: Any
    batches: tuple[int, ...]
    lost: dict[int, str]


class Course:
    """What the programs of a run share beside messages: the world's knowledge, which no node computes with.

    Raises ``ValueError`` where model and data do not fit, or there are not rows enough for a batch.
    """

    feed: Feed

    def __init__(self, job: OnlineLearning, seed: int, done: Event, trace: Trace) -> None:
        self.job, self.seed, self.done = job, seed, done
        self.data: Dataset = job.data.load(seed)
        #: How many batches there are; rows that are left over make none.
        self.count = len(self.data) // job.batch_size
        if not self.count:
            raise ValueError(f"batch_size must be at most the {len(self.data)} rows, got {job.batch_size}")
        self.initial: Array = job.model.initial(self.data, stream(seed, "initial"))
        #: The optimiser, and whether its rate is yet to be found, by the first batch that is learned from.
        self.given: Any = job.optimiser
        self.automatic = self.fitted(self.rows(0)) is not self.given
        self.learned: list[int] = []
        self.lost: dict[int, str] = {}
        self._tested: set[int] = set()
        self._trace = trace
        self._record_tested = trace.recorder("tested", "batch", "rows", "measure", "total")
        self._record_learned = trace.recorder("learned", "batch", "clock", "lag_s")
        self._record_lost = trace.recorder("batch_lost", "batch", "cause")

    # The mathematics

    def rows(self, number: int) -> Rows:
        """The rows of a batch, those that come after one another in the data."""
        size = self.job.batch_size
        return Rows(self.data, np.arange(number * size, (number + 1) * size))

    def one(self, row: int) -> Rows:
        """One row of the data, by its number."""
        return Rows(self.data, np.array([row]))

    def test(self, parameters: Array, rows: Rows) -> Call[tuple[str, float]]:
        """What the rows' predictions are judged by, and its sum over them.

        That is "accuracy", 1 for a label that is right, or else the "squared_error". It takes what the model's
        objective over the rows takes, which has to look at all of them too.
        """
        return Call(lambda: judged(self.job.model, parameters, rows), self.job.model.loss(parameters, rows).cost)

    def fitted(self, rows: Rows) -> Any:
        """The optimiser, an automatic rate being that of these rows, all that is known when learning begins.

        Raises ``ValueError`` for an automatic rate that the model does not know.
        """
        if getattr(self.given, "learning_rate", None) != "auto":
            return self.given
        return fitted(self.given, self.job.model, Dataset(rows.features, rows.targets, self.data.classes))

    def step(self, optimiser: Optimiser, parameters: Array, memory: Array, total: Array, clock: int) -> Call[Any]:
        """The parameters that follow a contribution, and what the optimiser remembers then."""
        model: Any = self.job.model
        gradient = model.gradient(parameters, total, float(self.job.batch_size))
        stepped = optimiser.step(parameters, gradient, memory, clock, 1.0)
        return Call(stepped, call(model.gradient, parameters, total).cost + stepped.cost)

    # What became of the batches

    def tested(self, number: int, said: tuple[str, float]) -> None:
        """A batch has been tested; one that is tested again, after a crash, does not count again."""
        if number not in self._tested:
            self._tested.add(number)
            self._record_tested(number, self.job.batch_size, *said)

    def learn(self, number: int, parameters: Array) -> None:
        """A batch has been learned from."""
        self.learned.append(number)
        lag_s = self.done.env.now - self.feed.came_s(number)
        self._record_learned(number, len(self.learned), lag_s)
        self.feed.settle(number)
        if not np.isfinite(parameters).all():
            sentence = f"{self.job.name}: the parameters are no longer finite"
            self._trace.verdict("diverged", f"{sentence} after {len(self.learned)} of {self.count} batches")

    def lose(self, number: int, cause: str) -> None:
        """A batch will not be learned from."""
        self.lost[number] = cause
        self._record_lost(number, cause)
        self.feed.settle(number)

    def resume(self, clock: int) -> None:
        """A learner begins with parameters that know ``clock`` batches: what comes after them is forgotten."""
        forgotten = self.learned[clock:]
        del self.learned[clock:]
        self.feed.begin()
        if not self.feed.replays:
            for number in forgotten:
                self.lose(number, "forgotten")

    def finish(self, parameters: Array) -> None:
        """There are no more batches."""
        if self.lost:
            causes = ", ".join(f"{count} {cause}" for cause, count in sorted(Counter(self.lost.values()).items()))
            sentence = f"{self.job.name}: {len(self.lost)} of {self.feed.position} batches were lost ({causes})"
            self._trace.verdict("batches lost", sentence)
        self.done.succeed(Learned(parameters, tuple(self.learned), dict(sorted(self.lost.items()))))


def judged(model: Any, parameters: Array, rows: Rows) -> tuple[str, float]:
    """By what the predictions of rows are judged, and the sum of that over the rows; see ``Course.test``.

    Raises ``ValueError`` where the model does not predict a number for each row.
    """
    predicted, targets = np.asarray(model.predict(parameters, rows.features)), rows.targets
    if predicted.shape != targets.shape or predicted.dtype.kind not in "iuf":
        rule = f"{type(model).__name__}.predict must give a number for each of {len(rows)} rows"
        raise ValueError(f"{rule}, got {predicted.dtype} of the shape {predicted.shape}")
    if predicted.dtype.kind in "iu" and rows.data.classes is not None:
        return "accuracy", float(np.count_nonzero(predicted == targets))
    with np.errstate(over="ignore", invalid="ignore"):  # of what diverges the error is infinite, or NaN
        return "squared_error", float(np.sum(np.square(predicted - targets)))
