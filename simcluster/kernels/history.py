"""Searches for an order of operations that a sequential object explains; the object is any function of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import simcluster.kernels._history as _history
from simcluster.kernels.reference import Integers

#: What ``run`` answers.
RUNNING, FOUND, NONE, FULL = range(4)

Step = Callable[[int, int], int]
"""From a state, by a kind of operation, to the next state, or −1 where that cannot be; asked once for each pair."""


class OrderSearch(Protocol):
    """A search that is run in pieces. The first state is 0."""

    def run(self, steps: int, limit_bytes: int) -> int:
        """Go on for so many steps: ``RUNNING``, ``FOUND`` an order, ``NONE`` exists, or ``FULL`` memory."""
        ...

    def found(self) -> list[int]:
        """The operations that are placed, in order."""
        ...

    def furthest(self) -> tuple[list[int], int, list[int]]:
        """The longest order that was met, how far it goes (in events, or operations), states that were met there."""
        ...

    def configurations(self) -> int:
        """How many configurations were entered."""
        ...


def real_time_search(
    kinds: Integers, ranks: Integers, quiet: Integers, events: Integers, slots: Integers, width: int, step: Step
) -> OrderSearch:
    """A search for an order in which what was over before another began comes before it: linearizability.

    *kinds* (n,) of the operations; *ranks* (n,), all different, say which is tried first; *quiet* (n,) is 1 where an
    operation changes no state. *events* are what happened in order: i where operation i begins, −1 − i where it is
    over; what is never over may be placed or not. *slots* (n,) number what is open together, from 0 to *width* − 1. All
    are int64. Raises TypeError for another dtype, ValueError for lengths and numbers that do not fit. At worst
    exponential in the operations that are open together; memory for each configuration is 8·(1 + width/64) bytes.
    Source: Lowe, Testing for linearizability (2017), after Wing & Gong (1993).
    """
    return _history.RealTime(kinds, ranks, quiet, events, slots, width, step)  # type: ignore[no-any-return]


def program_order_search(
    kinds: Integers,
    ranks: Integers,
    quiet: Integers,
    starts: Integers,
    operations: Integers,
    after: Integers,
    must: Integers,
    step: Step,
) -> OrderSearch:
    """A search for an order in which each process' operations are in its own: sequential consistency.

    ``operations[starts[c]:starts[c + 1]]`` are those of chain c, in order. *after* (chains,) is −1, or k·chains + d
    where k operations of chain d come before the chain's first; *must* (chains,) is 1 where all of it must be placed.
    The rest as in ``real_time_search``. At worst exponential in the number of chains.
    """
    search = _history.ProgramOrder(kinds, ranks, quiet, starts, operations, after, must, step)
    return search  # type: ignore[no-any-return]
