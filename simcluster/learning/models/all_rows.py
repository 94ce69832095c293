"""What a model says of a job that would give it batches where it needs all rows."""

from __future__ import annotations

from typing import Any


def refuses_batches(kind: str, job: Any) -> str | None:
    """Why a training job with a ``batch_size`` makes no sense: what a batch adds up to would be taken for all rows."""
    if job.batch_size is None:
        return None
    return f"batch_size must be None for {kind}, which needs all rows, got {job.batch_size}"
