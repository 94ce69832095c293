"""What goes together with no redundancy, and what with no code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.training.aggregation import total
from simcluster.training.waiting import BoundedStaleness

if TYPE_CHECKING:
    from simcluster.training.job import TrainingJob


def refusal(job: TrainingJob, kind: str) -> str | None:
    """Why a job's parts do not go together with any redundancy, which is of this kind, or ``None``."""
    if not getattr(job.exchange, "redundant", False):
        return f"exchange must have somebody who decodes, as a parameter server, with {kind}, got {job.exchange!r}"
    if job.waiting != BoundedStaleness():
        return f"waiting must be bulk-synchronous with {kind}, which itself says who need not come, got {job.waiting!r}"
    if job.compression is not None:
        return (
            f"compression must be None with {kind}: it may go by what a worker remembers, and whoever computes a "
            f"shard must say the same, got {job.compression!r}"
        )
    if job.local is not None:
        return (
            f"local must be None with {kind}: it may go by what a worker remembers, and whoever computes a shard must "
            f"say the same, got {job.local!r}"
        )
    if job.detector is not None:
        return f"detector must be None with {kind}, which does without whoever does not come, got {job.detector!r}"
    if hasattr(job.optimiser, "delayed_step"):
        return f"optimiser must not make up for delays with {kind}, where there are none, got {job.optimiser!r}"
    return None


def refused_by_code(job: TrainingJob, kind: str) -> str | None:
    """Why a job's parts do not go together with contributions that are added up before they are sent, or ``None``."""
    if job.aggregation is not total:
        return f"aggregation must be total with {kind}: no contribution is one worker's alone, got {job.aggregation!r}"
    if hasattr(job.sharding, "holders"):
        return f"sharding must not have copies with {kind}, which says itself who has which shard, got {job.sharding!r}"
    return None


def uneven_groups(job: TrainingJob, size: int, rule: str) -> str | None:
    """Why workers make no groups of this size, or ``None``."""
    count = len(job.workers)
    return None if count % size == 0 else f"{rule} must divide the number of workers, got {size} and {count}"
