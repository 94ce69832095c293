"""Limits of a check: seconds of the machine and bytes. A search that meets one leaves the verdict unknown."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

CHUNK = 20_000  # steps of a search between two looks at the clock: some milliseconds


@dataclass(frozen=True)
class Limits:
    """How long a check may take, in seconds of the machine, and how many bytes its memory of configurations may have.

    Whether a verdict is unknown depends on the machine then; what it is when it is known does not.
    """

    seconds: float = math.inf
    memory_bytes: int = 2**31

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError(f"seconds must be greater than 0, got {self.seconds}")
        if not self.memory_bytes > 0:
            raise ValueError(f"memory_bytes must be greater than 0, got {self.memory_bytes}")

    def begin(self) -> Deadline:
        """Start the clock."""
        return Deadline(self, time.monotonic() + self.seconds)


@dataclass(frozen=True)
class Deadline:
    """Limits whose clock is running."""

    limits: Limits
    until_s: float

    def over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.until_s
