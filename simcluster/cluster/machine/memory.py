"""A node's memory: how much there is, and who holds it."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn

from simcluster.cluster.failure import OutOfMemory


class Allocation:
    """Memory that a program holds until it frees it or dies; also a context manager."""

    def __init__(self, memory: Memory, size_bytes: float, owner: object) -> None:
        self._memory = memory
        self.size_bytes = size_bytes
        self.owner = owner

    def free(self) -> None:
        """Give the memory back; a second time does nothing."""
        self._memory.free(self)

    def __enter__(self) -> Allocation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()


class Memory:
    """``capacity_bytes`` (``None``: without limit), less what faults withhold, for the programs of one node."""

    def __init__(self, name: str, capacity_bytes: float | None, owner: Callable[[], object]) -> None:
        self._name = name
        self._capacity_bytes = math.inf if capacity_bytes is None else capacity_bytes
        self._owner = owner
        self._withheld: dict[object, float] = {}
        self._held: dict[Allocation, None] = {}

    @property
    def used_bytes(self) -> float:
        """What programs hold."""
        return math.fsum(allocation.size_bytes for allocation in self._held)

    @property
    def available_bytes(self) -> float:
        """What programs could still get; never below 0."""
        return max(0.0, self._capacity_bytes - math.fsum(self._withheld.values()) - self.used_bytes)

    @property
    def at_baseline(self) -> bool:
        """Whether no fault withholds any."""
        return not self._withheld

    def allocate(self, size_bytes: float) -> Allocation:
        """Take ``size_bytes`` for the program that runs now.

        Raises ``OutOfMemory`` when less is available; that is definite, nothing was taken.
        """
        if not 0 <= size_bytes < math.inf:
            raise ValueError(f"size_bytes must be finite and at least 0, got {size_bytes}")
        if size_bytes > self.available_bytes:
            raise OutOfMemory(f"{self._name} has {self.available_bytes:g} bytes available, {size_bytes:g} were asked")
        allocation = Allocation(self, size_bytes, self._owner())
        self._held[allocation] = None
        return allocation

    def __getitem__(self, key: object) -> NoReturn:
        raise TypeError(
            f"memory of {self._name} counts bytes and holds no values: keep them in variables of the program or in "
            f"node.storage, got the key {key!r}"
        )

    def __setitem__(self, key: object, value: object) -> None:
        self[key]

    def free(self, allocation: Allocation) -> None:
        """Take an allocation back."""
        self._held.pop(allocation, None)

    def crash(self) -> None:
        """Forget all allocations."""
        self._held.clear()

    def free_of(self, owner: object) -> None:
        """Take back all that one owner holds, as the end of a program does."""
        for allocation in [allocation for allocation in self._held if allocation.owner == owner]:
            del self._held[allocation]

    def withhold(self, key: object, size_bytes: float) -> None:
        """Let ``size_bytes`` be unavailable until ``give_back(key)``; who holds memory keeps it."""
        if not 0 <= size_bytes < math.inf:
            raise ValueError(f"size_bytes must be finite and at least 0, got {size_bytes}")
        self._withheld[key] = size_bytes

    def give_back(self, key: object) -> None:
        """Take one withholding back."""
        del self._withheld[key]
