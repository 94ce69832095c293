"""Parameters that lie in blocks of rows on several workers: how they are cut, and how they look as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simcluster.learning import Array

if TYPE_CHECKING:
    from simcluster.learning.protocols import Integers
    from simcluster.training.training import Training


class Blocks:
    """Who has which rows of parameters (d + 1, …), whose last is a bias that all have; and the run as one sees it.

    What is put together here is seen from outside of the simulation: no worker asks for it.
    """

    def __init__(self, training: Training, columns: Sequence[Integers]) -> None:
        self.training, self.columns = training, columns
        self._whole, self._step = training.initial, 0
        self._reached: dict[int, dict[int, Array]] = {}
        self._ended: dict[str, None] = {}

    def initial(self, index: int) -> Array:
        """The first weights of a worker's own columns, and last the bias."""
        return np.concatenate([self.training.initial[self.columns[index]], self.training.initial[-1:]])

    def padded(self, index: int, block: Array) -> Array:
        """A block where it stands in the whole, and zeros elsewhere; the bias is the first worker's."""
        whole = np.zeros_like(self.training.initial)
        whole[self.columns[index]] = block[:-1]
        if not index:
            whole[-1] = block[-1]
        return whole

    def reached(self, index: int, step: int, block: Array, record: Callable[[int, float], None]) -> None:
        """A worker has done so many steps; when all have, the objective is evaluated where that is due."""
        known = self._reached.setdefault(step, {})
        known[index] = block
        if step <= self._step or len(known) < len(self.columns):
            return
        self._step, self._whole = step, np.sum([self.padded(each, known[each]) for each in known], axis=0)
        self._reached = {later: blocks for later, blocks in self._reached.items() if later > step}
        job = self.training.job
        if step % job.evaluate_every == 0 or step == job.steps:
            loss = self.training.loss(self._whole)()
            record(step, loss)
            self.training.evaluated(step, loss, self._whole)

    def end(self, worker: str, parameters: Array) -> None:
        """A worker has the last parameters; when all have, training is over."""
        self._ended[worker] = None
        if len(self._ended) == len(self.columns):
            self.training.finish(parameters, self.training.job.steps)

    def lost(self, worker: str) -> None:
        """A worker has no weights that are near enough to the others' steps: training is over before its time."""
        self.training.finish(self._whole, self._step, f"{worker} has lost its weights")
