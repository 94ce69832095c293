"""Gradient coding by a cyclic code: each worker has the shards that follow its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from simcluster.engine import Spec, stream
from simcluster.learning import Array
from simcluster.training.redundancy.stragglers import Stragglers

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class CyclicCode(Spec):
    """Gradient coding by a cyclic code (Tandon, Lei, Dimakis & Karampatziakis, ICML 2017, algorithm 2).

    Worker i of n has the shards i to i + s, and sends a combination of them, one array: as many bytes as without, and
    s + 1 times the work. From whichever n − s have come the sum of all shards follows; s workers are left behind, and
    cancel. So a step takes the (n − s)-th of n times, each of s + 1 shards. What is decoded is rounded, and in another
    way for each set of workers: faults may change parameters, and what ``FractionalRepetition`` finds differs from
    it, by 10⁻¹⁰ of the largest contribution with up to twelve workers, and 10⁻⁸ with fifty (s = 0: not at all).
    """

    kind: Literal["cyclic_code"] = "cyclic_code"
    stragglers: Stragglers = 1
    """s, how many workers a step does without, fewer than there are."""

    def code(self, workers: int) -> Array:
        """B of the paper: rows with s + 1 numbers in turn, orthogonal to a random H (s, n) with rows of sum 0."""
        return _code(workers, self.stragglers)

    def decoding(self, arrived: Sequence[int], workers: int) -> Array | None:
        """a with aB = (1, …, 1), when all but s are there: of several the shortest."""
        if len(arrived) < workers - self.stragglers:
            return None
        sent = self.code(workers)[list(arrived)]
        if self.stragglers == 0:
            return np.ones(workers)
        return np.asarray(np.linalg.lstsq(sent.T, np.ones(workers), rcond=None)[0])

    def refuses(self, job: TrainingJob) -> str | None:
        """Somebody has to come, and what comes of it is rounded."""
        if self.stragglers >= len(job.workers):
            return f"stragglers must be fewer than the {len(job.workers)} workers, got {self.stragglers}"
        exact = not hasattr(job.model, "gradient") or getattr(job.model, "needs_whole_steps", False)
        if exact and self.stragglers:
            return f"model must not go by counts with {self.kind}, whose sums are rounded, got {job.model!r}"
        return None


@lru_cache(maxsize=64)
def _code(workers: int, stragglers: int) -> Array:
    code = np.eye(workers)
    if stragglers:
        normal = stream(0, "cyclic_code", workers, stragglers).standard_normal((stragglers, workers))
        normal[:, -1] = -np.add.reduce(normal[:, :-1], axis=1)
        for first in range(workers):
            others = (first + np.arange(1, stragglers + 1)) % workers
            code[first, others] = -np.linalg.solve(normal[:, others], normal[:, first])
    code.setflags(write=False)
    return code
