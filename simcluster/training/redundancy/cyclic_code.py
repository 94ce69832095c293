"""Gradient coding by a cyclic code: each worker has the shards that follow its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.learning import Array
from simcluster.training.redundancy.stragglers import Stragglers

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob

_COARSE = 1e-6  # beside the largest contribution: what is rounded more is of no use


class CyclicCode(Spec):
    """Gradient coding by a cyclic code (Tandon, Lei, Dimakis & Karampatziakis, ICML 2017, algorithm 2).

    Worker i of n has the shards i to i + s, and sends a combination of them, one array: as many bytes as without, and
    s + 1 times the work. From whichever n − s have come the sum of all shards follows; s workers are left behind, and
    cancel. So a step takes the (n − s)-th of n times, each of s + 1 shards. What is decoded is rounded, and in another
    way for each set of workers: faults may change parameters, and what is learned without redundancy differs, in a step
    by 10⁻¹² of the largest contribution with up to twelve workers, 10⁻¹⁰ with 24 (s = 0: not at all).
    """

    kind: Literal["cyclic_code"] = "cyclic_code"
    stragglers: Stragglers = 1
    """s, how many workers a step does without, fewer than there are."""

    def code(self, workers: int) -> Array:
        """B of the paper: rows with s + 1 numbers in turn, orthogonal to H (s, n)."""
        return _code(workers, self.stragglers)

    def decoding(self, arrived: Sequence[int], workers: int) -> Array | None:
        """a with aB = (1, …, 1), when all but s are there: of several the shortest."""
        if len(arrived) < workers - self.stragglers:
            return None
        if self.stragglers == 0:
            return np.ones(workers)
        sent = self.code(workers)[list(arrived)]
        return np.asarray(np.linalg.lstsq(sent.T, np.ones(workers), rcond=None)[0])

    def refuses(self, job: TrainingJob) -> str | None:
        """Somebody has to come, and what comes of it is rounded."""
        workers = len(job.workers)
        if self.stragglers >= workers:
            return f"stragglers must be fewer than the {workers} workers, got {self.stragglers}"
        if (rounded := _rounded(workers, self.stragglers)) > _COARSE:
            rule = f"stragglers must be so few that sums are rounded by less than {_COARSE}"
            return f"{rule}, got {self.stragglers} of {workers} workers, by which they are by {rounded:.1g}"
        exact = not hasattr(job.model, "gradient") or getattr(job.model, "needs_whole_steps", False)
        if exact and self.stragglers:
            return f"model must not go by counts with {self.kind}, whose sums are rounded, got {job.model!r}"
        return None


@lru_cache(maxsize=64)
def _code(workers: int, stragglers: int) -> Array:
    code = np.eye(workers)
    if stragglers:
        normal = _normal(workers, stragglers)
        for first in range(workers):
            others = (first + np.arange(1, stragglers + 1)) % workers
            code[first, others] = -np.linalg.solve(normal[:, others], normal[:, first])
    code.setflags(write=False)
    return code


def _normal(workers: int, stragglers: int) -> Any:
    """H: rows of sum 0, any s columns of which are independent.

    In the paper it is random, which large factors come of now and then. Here it has the s lowest cosines and sines on a
    circle, any s columns of which are independent, times one of a higher frequency, to which they are orthogonal and
    which is nowhere 0. With n − s odd B is that of Raviv, Tamo, Tandon & Dimakis ("Gradient coding from cyclic MDS
    codes and expander graphs", 2020), up to a factor.
    """
    place, odd = np.arange(workers), stragglers % 2
    angle = 2 * np.pi * place / workers
    waves = [wave((k + 0.5 + 0.5 * odd) * angle) for k in range(stragglers // 2) for wave in (np.cos, np.sin)]
    highest = np.cos((workers - 1) / 2 * angle + np.pi / (4 * workers))
    if (workers - stragglers) % 2:
        highest = (-1.0) ** place
    return np.array([*([np.ones(workers)] if odd else []), *waves]) * highest


@lru_cache(maxsize=64)
def _rounded(workers: int, stragglers: int) -> float:
    """By how much sums may be rounded when as many workers in a row as may be are left behind, which is worst."""
    code = _code(workers, stragglers)
    factors = np.linalg.lstsq(code[stragglers:].T, np.ones(workers), rcond=None)[0]
    return float(workers * np.finfo(np.float64).eps * np.abs(factors).max() * np.abs(code).max())
