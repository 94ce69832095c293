"""An all-reduce round a ring (Patarasuk & Yuan, J. Parallel Distrib. Comput., 2009)."""

from __future__ import annotations

from simcluster.cluster.collectives.rounds import Round


def ring(member: int, members: int, size_bytes: float) -> tuple[Round, ...]:
    """A reduce-scatter and an all-gather round a ring (Patarasuk & Yuan, J. Parallel Distrib. Comput., 2009).

    In p − 1 rounds each block goes once round the ring and is added up, from member b on: ((x_b + x_(b+1)) + …); in
    p − 1 more the sums go round. Each member sends every block but one twice: 2(p − 1)/p of the array, which is the
    least that an all-reduce can do, in 2(p − 1) messages. On links of latency α and β bytes per second that takes
    2(p − 1)(α + (m/p)/β) for m bytes.
    """
    before, after = (member - 1) % members, (member + 1) % members
    blocks = [(block, block + 1) for block in range(members)]

    def step(sent: int, adds: bool) -> Round:
        return Round(after, blocks[sent % members], before, blocks[(sent - 1) % members], adds, members)

    scatter = [step(member - turn, adds=True) for turn in range(members - 1)]
    gather = [step(member + 1 - turn, adds=False) for turn in range(members - 1)]
    return (*scatter, *gather)
