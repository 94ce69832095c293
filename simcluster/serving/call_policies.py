"""What stands around the call of a shard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simcluster.engine import Program

if TYPE_CHECKING:
    from simcluster.serving.shard_call import ShardCall


def once(call: ShardCall, ask: Callable[[], Program]) -> Program:
    """One attempt: what is not answered within the job's time-out, or turned away, has failed."""
    return (yield from ask())
