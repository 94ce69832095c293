"""Task replication: each shard is computed by several workers, and the first answer counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from simcluster.engine import Count, Spec
from simcluster.learning import Array
from simcluster.training.redundancy.groups import firsts, grouped
from simcluster.training.redundancy.refusal import uneven_groups

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class Replication(Spec):
    """Task replication (Wang, Joshi & Wornell, "Efficient task replication for fast response times", 2014).

    Of n workers groups of r = ``copies`` have the same r shards, and each sends their sum; of each group the first
    counts, and a step is over when there is one of each: whoever is left behind cancels. So it takes the greatest, over
    n/r groups, of the least of r times, each of r shards: r·H_{n/r}/r = H_{n/r} in the mean where these are exponential
    and a shard takes 1. It is ``FractionalRepetition`` that waits for no more than it needs: any n − r + 1 workers
    have one of each group, and often n/r do. Parameters as there.
    """

    kind: Literal["replication"] = "replication"
    copies: Count = 2
    """r, how many workers compute each shard; it divides the number of workers."""

    def code(self, workers: int) -> Array:
        """Ones, in blocks."""
        return grouped(workers, self.copies)

    def decoding(self, arrived: Sequence[int], workers: int) -> Array | None:
        """The first of each group, when there is one of each."""
        if len(arrived) < workers // self.copies:
            return None
        return firsts(np.asarray(arrived), self.copies, workers)

    def refuses(self, job: TrainingJob) -> str | None:
        """Groups are equally large."""
        return uneven_groups(job, self.copies, "copies")
