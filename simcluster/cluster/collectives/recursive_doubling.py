"""An all-reduce by recursive doubling (Thakur, Rabenseifner & Gropp, Int. J. HPC Appl., 2005)."""

from __future__ import annotations

from simcluster.cluster.collectives.rounds import WHOLE, Round, folded


def recursive_doubling(member: int, members: int, size_bytes: float) -> tuple[Round, ...]:
    """Whole arrays between members 1, 2, 4, … apart (Thakur, Rabenseifner & Gropp, Int. J. HPC Appl., 2005).

    Both of a pair add the same two numbers, so both have the same sum, to the last bit. log₂ p rounds take
    log₂ p · (α + m/β). Where p is no power of two, the r members above the greatest one, q, give theirs to the first r
    before, and get the sum after: two rounds more.
    """
    return folded(member, members, _doubling)


def _doubling(member: int, members: int) -> tuple[Round, ...]:
    others = [member ^ (1 << turn) for turn in range(members.bit_length() - 1)]
    return tuple(Round(other, WHOLE, other, WHOLE, adds=True) for other in others)
