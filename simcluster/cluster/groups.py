"""What topologies ask of the names of nodes, racks and zones, and how they put nodes into groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from simcluster.engine import Name

Members = dict[Name, tuple[Name, ...]]
"""Names of racks or zones, each with the nodes in it."""


def circle(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each name with the next, and the last with the first, without a pair twice."""
    pairs = list(pairwise(names))
    return [*pairs, (names[-1], names[0])] if len(names) > 2 else pairs


def runs(nodes: Sequence[str], n_racks: int) -> Members:
    """The nodes in order, in racks of sizes that differ by one at most."""
    bounds = [len(nodes) * rack // n_racks for rack in range(n_racks + 1)]
    if len(nodes) < n_racks:
        raise ValueError(f"racks must be at most the number of nodes, {len(nodes)}, got {n_racks}")
    return {f"rack-{rack}": tuple(nodes[bounds[rack] : bounds[rack + 1]]) for rack in range(n_racks)}


def check_nodes(nodes: Sequence[str], *switches: str) -> None:
    """Raise unless the names of nodes are unique, and no switch has one of them."""
    known: dict[str, None] = {}
    for name in nodes:
        if name in known:
            raise ValueError(f"the name of a node must be unique, got {name!r} twice")
        known[name] = None
    for name in switches:
        if name in known:
            raise ValueError(f"the name of a node must not be that of a switch, got {name!r}")


def check_groups(
    kind: str, groups: Mapping[str, Sequence[str]], names: Sequence[str], what: str = "node", all_of_them: bool = False
) -> None:
    """Raise unless each group names known nodes (or racks), none in two, and, when it must, leaves none out."""
    group_of: dict[str, str] = {}
    known = dict.fromkeys(names)
    for group, members in groups.items():
        for name in members:
            if name not in known:
                raise ValueError(f"{kind} must hold {what}s of the cluster, got {name!r} in {group}")
            if name in group_of:
                raise ValueError(f"{kind} must not overlap, got {name!r} in {group_of[name]} and {group}")
            group_of[name] = group
    if all_of_them:
        for name in names:
            if name not in group_of:
                raise ValueError(f"{kind} must hold every {what}, got none that holds {name!r}")
