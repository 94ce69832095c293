"""Session guarantees: what a client may count on, whichever replica it asks (Terry et al. 1994)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simcluster.measurement.checkers.clients.reads_from import ReadsFrom, reads_from
from simcluster.measurement.checkers.cycles import Graph, components
from simcluster.measurement.checkers.judgement import Anomaly, Judgement, judged
from simcluster.measurement.histories import History, Plain

_READ, _WRITE = True, False

#: Of each guarantee: no later operation of this second kind is of an older version than one of the first kind.
GUARANTEES = {
    "read your writes": (_WRITE, _READ),
    "monotonic reads": (_READ, _READ),
    "monotonic writes": (_WRITE, _WRITE),
    "writes follow reads": (_READ, _WRITE),
}


def sessions(history: History, guarantees: Sequence[str] = tuple(GUARANTEES), initial: Plain = None) -> Judgement:
    """Whether each process, key by key, has what these guarantees say, in time near-linear.

    The versions of a key come in the order in which they took effect first, where the history knows that; a version
    that took effect nowhere comes last. Else any order of them will do that gives every process what the guarantee
    says; because nobody could tell otherwise, monotonic writes and writes follow reads are then as clients see them
    whose reads are monotonic. Guarantees that hold from key to key are what ``causal`` asks for.

    Raises ``ValueError`` for an unknown guarantee, ``BadHistory`` as ``reads_from``.
    """
    for name in guarantees:
        if name not in GUARANTEES:
            raise ValueError(f"guarantees must be of {', '.join(GUARANTEES)}, got {name!r}")
    seen = reads_from(history, initial)
    anomalies = list(seen.thin_air[:1])
    order = np.lexsort((np.arange(len(seen.operations)), seen.key, seen.process))
    same = np.zeros(len(order), dtype=bool)
    if len(order):
        process, key = seen.process[order], seen.key[order]
        same[1:] = (process[1:] == process[:-1]) & (key[1:] == key[:-1])
    known = np.array([each.status == "ok" for each in seen.operations], dtype=bool)[order]
    for name in guarantees:
        taken, asked = GUARANTEES[name]
        takes = (seen.read[order] == taken) & known
        asks = seen.read[order] == asked
        if history.applied:
            found = _by_rank(seen, _ranks(history, seen), order, same, takes, asks)
        else:
            found = _by_cycle(seen, order, same, name)
        if found:
            anomalies.append(Anomaly(name, found[0], tuple(seen.operations[place] for place in found[1])))
    return judged(len(history), anomalies)


def _ranks(history: History, seen: ReadsFrom) -> Any:
    """Of each version, when it took effect first; of an initial one −∞, of one that never did, or unknown, ∞."""
    first = np.full(seen.versions, np.inf)
    first[: seen.keys] = -np.inf
    for version in range(seen.keys, seen.versions):
        taken = history.applied.get(seen.operations[seen.writer[version]].operation)
        if taken:
            first[version] = min(time_s for _, time_s in taken)
    return first


def _by_rank(
    seen: ReadsFrom, ranks: Any, order: Any, same: Any, takes: Any, asks: Any
) -> tuple[str, list[int]] | None:
    """The first that is older than what its process had taken in, where the order of versions is known."""
    if not len(order):
        return None
    mine = np.unique(ranks, return_inverse=True)[1][seen.version[order]].astype(np.int64)
    # A running maximum that begins anew with each process and key: each group is lifted over all before it.
    group = np.cumsum(~same)
    lift = group * (len(ranks) + 2)
    taken = np.maximum.accumulate(np.where(takes, mine + 1, 0) + lift) - lift
    before = np.concatenate([[0], taken[:-1]])
    before[~same] = 0
    late = np.flatnonzero(asks & (mine + 1 < before))
    if not len(late):
        return None
    at = int(late[0])
    while not (takes[at] and mine[at] + 1 == before[late[0]]):
        at -= 1
    return "a later operation of the process is of an older version", [int(order[at]), int(order[late[0]])]


def _by_cycle(seen: ReadsFrom, order: Any, same: Any, name: str) -> tuple[str, list[int]] | None:
    """Operations that ask for versions in a circle, where any order of versions would do."""
    # Nodes are the versions, and for each operation what its process has taken in of the key by then.
    sources, targets, because = [np.array(seen.key_of[seen.keys :])], [np.arange(seen.keys, seen.versions)], []
    because.append(seen.writer[seen.keys :])
    nodes = seen.versions
    status = np.array([each.status == "ok" for each in seen.operations], dtype=bool)[order]
    follows = np.flatnonzero(same)
    for each in dict.fromkeys([name, "monotonic reads"] if GUARANTEES[name][1] == _WRITE else [name]):
        taken, asked = GUARANTEES[each]
        takes = np.flatnonzero((seen.read[order] == taken) & status)
        asks = follows[seen.read[order][follows] == asked]
        sources += [nodes + follows - 1, seen.version[order][takes], nodes + asks - 1]
        targets += [nodes + follows, nodes + takes, seen.version[order][asks]]
        because += [np.full(len(follows), -1), order[takes], order[asks]]
        nodes += len(order)
    source, target, reason = (np.concatenate(parts).astype(np.int64) for parts in (sources, targets, because))
    component = components(nodes, source, target)
    of_versions = component[: seen.versions]
    counts = np.bincount(of_versions, minlength=1)
    if not len(counts) or counts.max() < 2:
        return None
    begin, end = (int(version) for version in np.flatnonzero(of_versions == int(counts.argmax()))[:2])
    inside = component[source] == component[target]
    edges = np.flatnonzero(inside)
    graph = Graph(nodes, source[edges], target[edges])
    walk = [*(graph.path(begin, end) or ()), *(graph.path(end, begin) or ())]
    shown = dict.fromkeys(int(reason[edges[edge]]) for edge in walk)
    return "no order of the versions gives all of these what it says", sorted(place for place in shown if place >= 0)
