"""Everyone to everyone: each member sends its array to each other one, and nobody adds anything up on the way."""

from __future__ import annotations

from simcluster.cluster.collectives.rounds import Round


def everyone(member: int, members: int, size_bytes: float) -> tuple[Round, ...]:
    """Each sends its own array to the members 1, 2, … places on: an all-gather of p(p − 1) messages.

    It takes α + (p − 1)·m/β for arrays of m bytes, for each is sent p − 1 times from one interface.
    """

    def step(turn: int) -> Round:
        source = (member - turn) % members
        return Round((member + turn) % members, (member, member + 1), source, (source, source + 1), False, members)

    return tuple(step(turn) for turn in range(1, members))
