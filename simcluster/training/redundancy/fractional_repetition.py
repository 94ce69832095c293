"""Gradient coding by fractional repetition: groups of workers that have the same shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from simcluster.engine import Spec
from simcluster.learning import Array
from simcluster.training.redundancy.groups import firsts, grouped
from simcluster.training.redundancy.refusal import uneven_groups
from simcluster.training.redundancy.stragglers import Stragglers

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class FractionalRepetition(Spec):
    """Gradient coding by fractional repetition (Tandon, Lei, Dimakis & Karampatziakis, ICML 2017, algorithm 1).

    Of n workers groups of s + 1 have the same s + 1 shards, and each sends their sum: as many bytes as without, and
    s + 1 times the work. A step is over when all but ``stragglers`` workers have sent theirs, whichever these are, for
    then each group has a member among the others; so it takes the (n − s)-th of n times, and whoever is left behind
    cancels. ``Replication`` does not wait for so many. What is added up is one sum of each group, in the order of
    groups, and the same bits from whomever it comes: the parameters are the same under any faults that end, and those
    without redundancy up to the order of sums (s = 0: to the last bit).
    """

    kind: Literal["fractional_repetition"] = "fractional_repetition"
    stragglers: Stragglers = 1
    """s, how many workers a step does without; s + 1 divides the number of workers."""

    def code(self, workers: int) -> Array:
        """Ones, in blocks."""
        return grouped(workers, self.stragglers + 1)

    def decoding(self, arrived: Sequence[int], workers: int) -> Array | None:
        """The first of each group, when all but s are there."""
        if len(arrived) < workers - self.stragglers:
            return None
        return firsts(np.asarray(arrived), self.stragglers + 1, workers)

    def refuses(self, job: TrainingJob) -> str | None:
        """Groups are equally large."""
        return uneven_groups(job, self.stragglers + 1, "stragglers + 1")
