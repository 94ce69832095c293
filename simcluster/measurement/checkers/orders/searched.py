"""A search that is run until it ends or meets a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simcluster.kernels.history import FULL, RUNNING, OrderSearch
from simcluster.measurement.checkers.limits import CHUNK, Deadline
from simcluster.measurement.checkers.orders.interning import Interned, OutOfMemory
from simcluster.measurement.histories import Operation


def searched(
    model: Any,
    operations: Sequence[Operation],
    deadline: Deadline,
    order: Callable[[Sequence[Operation], Interned], OrderSearch],
) -> tuple[int, OrderSearch | None, Interned | None]:
    """What the search of this order answers at its end; ``RUNNING`` where the time was over before, ``FULL`` memory."""
    memory_bytes = deadline.limits.memory_bytes
    try:
        interned = Interned(model, operations, memory_bytes)
        search = order(operations, interned)
        found = search.run(CHUNK, memory_bytes)
        while found == RUNNING and not deadline.over():
            found = search.run(CHUNK, memory_bytes)
    except (OutOfMemory, MemoryError):
        return FULL, None, None
    return found, search, interned


def limit_met(found: int, configurations: int) -> str:
    """Which limit a search met that has not ended."""
    limit = "memory" if found == FULL else "time"
    return f"the limit of {limit} was met after {configurations} configurations"
