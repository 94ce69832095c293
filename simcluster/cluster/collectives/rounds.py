"""The rounds of an all-reduce: who sends which blocks of an array to whom, as plain data.

An array of m numbers lies in p blocks, as many as there are members; block b is ``[m·b // p, m·(b + 1) // p)``. Which
numbers are added in which order is said by the rounds alone, so it does not depend on when messages arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

Blocks = tuple[int, int]
"""From the first of some blocks to behind the last."""


class Round(NamedTuple):
    """What one member does in a round: send ``sends`` to ``target``, and take ``takes`` from ``source``.

    What is taken is added to what the member has there (``adds``), or takes its place. ``None``: it sends, or takes,
    nothing in this round. Members are numbers from 0 to p − 1.
    """

    target: int | None
    sends: Blocks
    source: int | None
    takes: Blocks
    adds: bool


Algorithm = Callable[[int, int], tuple[Round, ...]]
"""The rounds of a member among p. All members have as many, and what one sends in a round another takes in it."""

_NOTHING: Blocks = (0, 0)


def ring(member: int, members: int) -> tuple[Round, ...]:
    """A reduce-scatter and an all-gather round a ring (Patarasuk & Yuan, J. Parallel Distrib. Comput., 2009).

    In p − 1 rounds each block goes once round the ring and is added up, from member b on: ((x_b + x_(b+1)) + …); in
    p − 1 more the sums go round. Each member sends every block but one twice: 2(p − 1)/p of the array, which is the
    least that an all-reduce can do, in 2(p − 1) messages. On links of latency α and β bytes per second that takes
    2(p − 1)(α + (m/p)/β) for m bytes.
    """
    before, after = (member - 1) % members, (member + 1) % members
    blocks = [(block, block + 1) for block in range(members)]

    def turns(first: int, adds: bool) -> Iterator[Round]:
        for sent in range(first, first - members + 1, -1):
            yield Round(after, blocks[sent % members], before, blocks[(sent - 1) % members], adds)

    return (*turns(member, adds=True), *turns(member + 1, adds=False))


def recursive_doubling(member: int, members: int) -> tuple[Round, ...]:
    """Whole arrays between members 1, 2, 4, … apart (Thakur, Rabenseifner & Gropp, Int. J. HPC Appl., 2005).

    Both of a pair add the same two numbers, so both have the same sum, to the last bit. log₂ p rounds take
    log₂ p · (α + m/β). Where p is no power of two, the r members above the greatest one, q, give theirs to the first r
    before, and get the sum after: two rounds more.
    """
    power = 1 << (members.bit_length() - 1)
    whole = (0, members)
    rounds = []
    for turn in range(power.bit_length() - 1):
        other = member ^ (1 << turn)
        rounds.append(Round(other, whole, other, whole, adds=True))
    if power == members:
        return tuple(rounds)
    if member >= power:
        idle = Round(None, _NOTHING, None, _NOTHING, adds=False)
        first = Round(member - power, whole, None, _NOTHING, adds=False)
        return (first, *[idle] * len(rounds), Round(None, _NOTHING, member - power, whole, adds=False))
    extra = member + power if member + power < members else None
    share = _NOTHING if extra is None else whole
    return (Round(None, _NOTHING, extra, share, adds=True), *rounds, Round(extra, share, None, _NOTHING, adds=False))


ALGORITHMS: dict[str, Algorithm] = {"ring": ring, "recursive_doubling": recursive_doubling}
"""The algorithms above by name."""
