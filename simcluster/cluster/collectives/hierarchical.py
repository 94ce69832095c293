"""An all-reduce in two levels: within groups, as racks, and between their first members."""

from __future__ import annotations

from typing import Literal

from simcluster.cluster.collectives.binomial_tree import downwards, upwards
from simcluster.cluster.collectives.ring import ring
from simcluster.cluster.collectives.rounds import IDLE, Round
from simcluster.engine import Count, Spec


class Hierarchical(Spec):
    """Each group adds up at its first member, these add up round a ring, and each tells its group.

    (Karonis et al., "Exploiting hierarchy in parallel computer networks", IPDPS 2000.) Between groups only a ring of
    k = ⌈p/group⌉ members sends, 2(k − 1) arrays in all, however many members a group has: it is for groups that are
    near, as those of a rack, and links between them that are slow or shared. Within a group of g it is a binomial tree.
    On links all alike it takes 2·⌈log₂ g⌉·(α + m/β) + 2(k − 1)(α + (m/k)/β) for m bytes.
    """

    kind: Literal["hierarchical"] = "hierarchical"
    group: Count
    """How many members that follow one another are a group; the last may have fewer."""

    def __call__(self, member: int, members: int, size_bytes: float) -> tuple[Round, ...]:
        """The rounds of a member: up in its group, round the ring if it is the first there, and down."""
        group, place = divmod(member, self.group)
        first = group * self.group
        deep = (min(self.group, members) - 1).bit_length()
        up = [_at(each, first, 1) for each in upwards(place, min(self.group, members - first), deep)]
        groups = -(-members // self.group)
        across = [IDLE] * (2 * (groups - 1))
        if place == 0:
            across = [_at(each, 0, self.group) for each in ring(group, groups, size_bytes)]
        return (*up, *across, *downwards(tuple(up)))


def _at(each: Round, first: int, apart: int) -> Round:
    """A round among members that are so far apart, from the ``first`` on."""
    target, source = (None if one is None else first + apart * one for one in (each.target, each.source))
    return each._replace(target=target, source=source)
