"""What a kernel is, what it costs, and a call of one that a node can be asked to compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a computation takes: counts of operations and of bytes, never measurements.

    One addition, multiplication, division, comparison or elementary function is one operation; bytes are
    those of the arrays that are read and written once each.
    """

    flops: float
    bytes: float

    def __post_init__(self) -> None:
        """Refuse counts that are negative, infinite or not numbers."""
        if 0 <= self.flops < math.inf and 0 <= self.bytes < math.inf:
            return
        name, count = ("bytes", self.bytes) if 0 <= self.flops < math.inf else ("flops", self.flops)
        raise ValueError(f"{name} must be finite and at least 0, got {count}")

    def __add__(self, other: Cost) -> Cost:
        """The cost of doing both."""
        return Cost(self.flops + other.flops, self.bytes + other.bytes)

    def __mul__(self, times: float) -> Cost:
        """The cost of doing it *times* times."""
        return Cost(self.flops * times, self.bytes * times)

    __rmul__ = __mul__


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """A computation that a node can be asked to do: calling it runs it, ``cost`` says what it costs."""

    function: Callable[[], R]
    cost: Cost

    def __call__(self) -> R:
        """Run the computation."""
        return self.function()


def call(
    function: Callable[..., R], *arrays: Any, flops: float | None = None, bytes: float | None = None
) -> Call[R]:
    """Any function of arrays as a computation: ``call(np.dot, a, b)`` computes ``np.dot(a, b)``.

    Where no cost is given it is estimated: each array is read once, and each of its numbers takes part in one
    multiplication and one addition.
    """
    numbers = math.fsum(getattr(array, "size", 1) for array in arrays)
    read = math.fsum(getattr(array, "nbytes", 8) for array in arrays)
    cost = Cost(2.0 * numbers if flops is None else flops, read if bytes is None else bytes)
    return Call(partial(function, *arrays), cost)


class Kernel(Generic[P, R]):
    """A compiled function beside its cost and its NumPy reference; it is called like the function."""

    def __init__(self, function: Callable[P, R], cost: Callable[P, Cost], reference: Callable[P, R]) -> None:
        """Join *function*, its *cost* and its *reference*; all three take the same arguments."""
        self.__wrapped__ = function
        self.__name__: str = function.__name__
        self.__doc__ = function.__doc__
        self.cost = cost
        self.reference = reference

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute, now."""
        return self.__wrapped__(*args, **kwargs)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """Return the computation on these arguments and its cost, not yet run."""
        return Call(partial(self.__wrapped__, *args, **kwargs), self.cost(*args, **kwargs))

    def __repr__(self) -> str:
        """Say which kernel it is."""
        return f"<kernel {self.__name__}>"


KERNELS: dict[str, Kernel[Any, Any]] = {}
"""Every kernel by name, in order of definition: what the one test that runs them all runs."""


def kernel(cost: Callable[P, Cost], reference: Callable[P, R]) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make the decorated function a Kernel and enter it in KERNELS."""

    def enter(function: Callable[P, R]) -> Kernel[P, R]:
        made = Kernel(function, cost, reference)
        if made.__name__ in KERNELS:
            raise ValueError(f"a kernel's name must be unique, got {made.__name__} twice")
        KERNELS[made.__name__] = made
        return made

    return enter
