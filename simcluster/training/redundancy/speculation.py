"""Speculation: a worker that has nothing to do computes the step of one that is late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from simcluster.engine import NUMBER, Count, Spec
from simcluster.training.protocols import Progress

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


class Speculation(Spec):
    """Speculative re-execution: the backup tasks of MapReduce (Dean & Ghemawat, OSDI 2004).

    When a share ``after`` of a step's contributions is there, whoever has given its own computes one that is missing
    and that it has a copy of, as the ``sharding`` says, which is ``Replicated``: the one that the fewest compute. The
    first to come counts, the same bits from whomever, and whoever still computes it is given something else to do; so
    no fault that ends changes a bit of what there would be without redundancy, and a worker that is gone for good is
    stood in for, if somebody has its rows. Of n workers that all have all rows, with exponential times of mean 1, one
    helper and ``after`` 0, a step takes the sum of 1/min(2k, n) over k = 1 … n in the mean. Where nobody is late and
    messages take long, it costs: who helps when the step ends is told so, and hears of the next one a way later.
    """

    kind: Literal["speculation"] = "speculation"
    after: Annotated[float, Field(ge=0, lt=1), NUMBER] = 0.5
    """Which share of a step's contributions must be there before anybody helps."""
    helpers: Count = 1
    """How many compute a shard at most beside the first."""

    def __call__(self, worker: str, behind: Mapping[str, Sequence[str]], progress: Progress) -> str | None:
        """Whom the fewest compute, if not too many do."""
        if len(progress.arrived) < self.after * len(progress.workers):
            return None
        whom = min(behind, key=lambda each: len(behind[each]))
        return whom if len(behind[whom]) <= self.helpers else None

    def refuses(self, job: TrainingJob) -> str | None:
        """Somebody else has to have the rows."""
        if hasattr(job.sharding, "holders"):
            return None
        return f"sharding must have copies with {self.kind}, or nobody can help, got {job.sharding!r}"
