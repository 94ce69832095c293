"""The rounds of an all-reduce: who sends which blocks of an array to whom, as plain data.

An array of m numbers lies in as many blocks as a round says; block b of p is ``[m·b // p, m·(b + 1) // p)``. Which
numbers are added in which order is said by the rounds alone, so it does not depend on when messages arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

Blocks = tuple[int, int]
"""From the first of some blocks to behind the last."""


class Round(NamedTuple):
    """What one member does in a round: send ``sends`` to ``target``, and take ``takes`` from ``source``.

    What is taken is added to what the member has there (``adds``), or takes its place. ``None``: it sends, or takes,
    nothing in this round. Members are numbers from 0 to p − 1; the array is cut into ``blocks``.
    """

    target: int | None
    sends: Blocks
    source: int | None
    takes: Blocks
    adds: bool
    blocks: int = 1


class Algorithm(Protocol):
    """How an array is added up; a plain function serves."""

    def __call__(self, member: int, members: int, size_bytes: float) -> tuple[Round, ...]:
        """The rounds of a member among p, for arrays of that size.

        All members have as many, and what one sends in a round another takes in it. Pure.
        """
        ...


NOTHING: Blocks = (0, 0)
WHOLE: Blocks = (0, 1)
IDLE = Round(None, NOTHING, None, NOTHING, adds=False)


def folded(member: int, members: int, core: Callable[[int, int], tuple[Round, ...]]) -> tuple[Round, ...]:
    """The rounds of a ``core`` that is for powers of two, among any number of members (Thakur et al. 2005).

    The r members above the greatest power of two give their arrays to the first r before, and get the sum after: two
    rounds more.
    """
    power = 1 << (members.bit_length() - 1)
    rounds = core(member % power, power)
    if power == members:
        return rounds
    if member >= power:
        first, last = (
            Round(member - power, WHOLE, None, NOTHING, False),
            Round(None, NOTHING, member - power, WHOLE, False),
        )
        return (first, *[IDLE] * len(rounds), last)
    extra = member + power if member + power < members else None
    share = NOTHING if extra is None else WHOLE
    return (Round(None, NOTHING, extra, share, True), *rounds, Round(extra, share, None, NOTHING, False))
