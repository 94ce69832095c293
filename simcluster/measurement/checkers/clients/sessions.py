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


def sessions(
    history: History, guarantees: Sequence[str] = tuple(GUARANTEES), initial: Plain = None, applied: bool = False
) -> Judgement:
    """Whether each process, key by key, has what these guarantees say, in time near-linear.

    Any order of a key's versions will do that gives every process what the guarantee says; because nobody could tell
    otherwise, monotonic writes and writes follow reads are as clients see them whose reads are monotonic. With
    ``applied`` the order is the one in which the versions took effect first, where the history knows that, and one that
    took effect nowhere comes last: ask so of a store that decides by this order, not of one where a write that comes
    later may be the older one, as by clocks. Guarantees that hold from key to key are what ``causal`` asks for.

    Raises ``ValueError`` for an unknown guarantee, ``BadHistory`` as ``reads_from``.
    """
    for name in guarantees:
        if name not in GUARANTEES:
            raise ValueError(f"guarantees must be of {', '.join(GUARANTEES)}, got {name!r}")
    seen = reads_from(history, initial)
    anomalies = list(seen.thin_air[:1])
    grouped = _Grouped(seen)
    known = applied and bool(history.applied)
    ranks = _ranks(history, seen) if known else None
    for name in guarantees:
        found = _by_rank(grouped, ranks, name) if known else _by_some_order(grouped, name)
        if found:
            anomalies.append(Anomaly(name, found[0], tuple(seen.operations[place] for place in found[1])))
    return judged(len(history), anomalies)


class _Grouped:
    """Reads and writes by process and key; ``same`` tells which follow another one of both."""

    def __init__(self, seen: ReadsFrom, places: Any = None) -> None:
        self.seen = seen
        chosen = np.arange(len(seen.operations)) if places is None else places
        self.order = chosen[np.lexsort((chosen, seen.key[chosen], seen.process[chosen]))]
        process, key = seen.process[self.order], seen.key[self.order]
        self.same = np.zeros(len(self.order), dtype=bool)
        self.same[1:] = (process[1:] == process[:-1]) & (key[1:] == key[:-1])
        self.read, self.version = seen.read[self.order], seen.version[self.order]
        self.known = seen.ok[self.order]

    def older(self, ranks: Any, name: str) -> tuple[Any, Any, Any]:
        """Which operations are of an older version than their process had taken in, what rank that was, and each's."""
        taken, asked = GUARANTEES[name]
        mine = ranks[self.version] + 1
        # A running maximum that begins anew with each process and key: each group is lifted over all before it.
        lift = np.cumsum(~self.same) * (len(ranks) + 2)
        so_far = np.maximum.accumulate(np.where((self.read == taken) & self.known, mine, 0) + lift) - lift
        before = np.concatenate([[0], so_far[:-1]]) if len(so_far) else so_far
        before = np.where(self.same, before, 0)
        return np.flatnonzero((self.read == asked) & (mine < before)), before, mine


def _ranks(history: History, seen: ReadsFrom) -> Any:
    """Of each version, when it took effect first; of an initial one −∞, of one that never did, or unknown, ∞."""
    first = np.full(seen.versions, np.inf)
    first[: seen.keys] = -np.inf
    for version in range(seen.keys, seen.versions):
        taken = history.applied.get(seen.operations[seen.writer[version]].operation)
        if taken:
            first[version] = min(time_s for _, time_s in taken)
    return first


def _by_rank(grouped: _Grouped, ranks: Any, name: str) -> tuple[str, list[int]] | None:
    """The first that is older than what its process had taken in, where the order of versions is known."""
    late, before, mine = grouped.older(np.unique(ranks, return_inverse=True)[1], name)
    if not len(late):
        return None
    place = at = int(late[0])
    taken, _ = GUARANTEES[name]
    while not (grouped.read[at] == taken and grouped.known[at] and mine[at] == before[place]):
        at -= 1
    shown = [int(grouped.order[at]), int(grouped.order[place])]
    return "a later operation of the process is of an older version", shown


def _by_some_order(grouped: _Grouped, name: str) -> tuple[str, list[int]] | None:
    """Keys of which the order of invocations does not do are looked at for any other that does."""
    names = [name, "monotonic reads"] if GUARANTEES[name][1] == _WRITE else [name]
    seen = grouped.seen
    ranks = np.arange(seen.versions)  # versions are numbered as they were invoked
    late = np.concatenate([seen.key[grouped.order[grouped.older(ranks, each)[0]]] for each in names])
    if not len(late):
        return None
    left = _Grouped(seen, np.flatnonzero(np.isin(seen.key, late)))
    return _by_cycle(left, names)


def _by_cycle(grouped: _Grouped, names: Sequence[str]) -> tuple[str, list[int]] | None:
    """Operations that ask for versions in a circle, so that no order of versions will do."""
    seen, order, version = grouped.seen, grouped.order, grouped.version
    # Nodes are the versions, and for each operation what its process has taken in of the key by then.
    sources, targets, because = [seen.key_of[seen.keys :]], [np.arange(seen.keys, seen.versions)], []
    because.append(seen.writer[seen.keys :])
    nodes = seen.versions
    follows = np.flatnonzero(grouped.same)
    for each in names:
        taken, asked = GUARANTEES[each]
        takes = np.flatnonzero((grouped.read == taken) & grouped.known)
        asks = follows[grouped.read[follows] == asked]
        sources += [nodes + follows - 1, version[takes], nodes + asks - 1]
        targets += [nodes + follows, nodes + takes, version[asks]]
        because += [np.full(len(follows), -1), order[takes], order[asks]]
        nodes += len(order)
    source, target, reason = (np.concatenate(parts).astype(np.int64) for parts in (sources, targets, because))
    component = components(nodes, source, target)
    of_versions = component[: seen.versions]
    counts = np.bincount(of_versions, minlength=1)
    if counts.max() < 2:
        return None
    begin, end = (int(each) for each in np.flatnonzero(of_versions == int(counts.argmax()))[:2])
    edges = np.flatnonzero(component[source] == component[target])
    graph = Graph(nodes, source[edges], target[edges])
    walk = [*(graph.path(begin, end) or ()), *(graph.path(end, begin) or ())]
    shown = dict.fromkeys(int(reason[edges[edge]]) for edge in walk)
    return "no order of the versions gives all of these what it says", sorted(place for place in shown if place >= 0)
