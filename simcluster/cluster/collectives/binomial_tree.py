"""An all-reduce up and down a binomial tree (Thakur, Rabenseifner & Gropp, Int. J. HPC Appl., 2005)."""

from __future__ import annotations

from simcluster.cluster.collectives.rounds import IDLE, NOTHING, WHOLE, Round


def binomial_tree(member: int, members: int, size_bytes: float) -> tuple[Round, ...]:
    """A reduction up a binomial tree to member 0, and a broadcast down it (Thakur, Rabenseifner & Gropp 2005).

    Whoever has something is one of 2^k apart in round k: 2(p − 1) messages of whole arrays, for any number p. Up and
    down together take 2·⌈log₂ p⌉·(α + m/β) for m bytes: the simplest, twice the rounds of recursive doubling, and
    the fewest messages that there can be.
    """
    up = upwards(member, members, (members - 1).bit_length())
    return (*up, *downwards(up))


def upwards(member: int, members: int, rounds: int) -> tuple[Round, ...]:
    """The rounds that add all up at member 0; those beyond ⌈log₂ p⌉ are idle."""
    found = []
    for turn in range(rounds):
        apart = 1 << turn
        if member % apart or (not member & apart and member + apart >= members):
            found.append(IDLE)
        elif member & apart:
            found.append(Round(member - apart, WHOLE, None, NOTHING, adds=False))
        else:
            found.append(Round(None, NOTHING, member + apart, WHOLE, adds=True))
    return tuple(found)


def downwards(up: tuple[Round, ...]) -> tuple[Round, ...]:
    """The way back: whoever gave is given, in the opposite order."""
    return tuple(Round(each.source, each.takes, each.target, each.sends, adds=False) for each in reversed(up))
