"""What a kernel is, what it costs, and a call of one that a node can be asked to compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

from simcluster.kernels import instructions  # noqa: F401 (it says so where nothing is compiled)
from simcluster.kernels._computation import Call, Cost

__all__ = ["KERNELS", "Call", "Cost", "Kernel", "call", "kernel"]

P = ParamSpec("P")
R = TypeVar("R")


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
