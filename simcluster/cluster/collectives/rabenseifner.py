"""An all-reduce by recursive halving and doubling (Rabenseifner, ICCS 2004)."""

from __future__ import annotations

from simcluster.cluster.collectives.rounds import Blocks, Round, folded


def rabenseifner(member: int, members: int, size_bytes: float) -> tuple[Round, ...]:
    """Recursive halving and doubling (Rabenseifner, "Optimization of collective reduction operations", ICCS 2004).

    Members p/2 apart give each other half of the array, then those p/4 apart half of that half, until each has a block
    of the sum; then the same pairs, in the opposite order, give each other what they have. In 2·log₂ p rounds each
    sends 2(p − 1)/p of the array: 2·log₂ p·α + 2(p − 1)/p·m/β for m bytes. Where p is no power of two, the r members
    above the greatest one, q, give theirs to the first r before, and get the sum after: two rounds more, 2(α + m/β).
    """
    return folded(member, members, _halving_and_doubling)


def _halving_and_doubling(member: int, members: int) -> tuple[Round, ...]:
    scatter: list[Round] = []
    mine: Blocks = (0, members)
    apart = members // 2
    while apart:
        first, behind = mine
        halves = (first, first + apart), (first + apart, behind)
        mine, others = halves[::-1] if member & apart else halves
        scatter.append(Round(member ^ apart, others, member ^ apart, mine, True, members))
        apart //= 2
    gather = [Round(each.target, each.takes, each.source, each.sends, False, members) for each in reversed(scatter)]
    return (*scatter, *gather)
