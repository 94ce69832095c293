"""Staleness: how far behind the newest version a read was, in versions and in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcluster.measurement.checkers.clients.reads_from import ReadsFrom, reads_from
from simcluster.measurement.checkers.judgement import Anomaly, Judgement, judged
from simcluster.measurement.histories import NEVER, History, Operation, Plain


@dataclass(frozen=True)
class Staleness:
    """Of each read how many versions had taken effect over what it saw when it began, and for how many seconds.

    ``versions`` and ``seconds`` (reads,) are 0 where a read saw the newest version, or one that is newer still.
    """

    reads: tuple[Operation, ...]
    versions: Any
    seconds: Any

    def fresh(self, versions: int = 0) -> float:
        """The share of reads that were at most so many versions behind; NaN without reads."""
        return float(np.mean(self.versions <= versions)) if len(self.reads) else math.nan


def staleness(history: History, initial: Plain = None) -> Staleness:
    """How stale each read was, in time near-linear.

    A write takes effect when the first replica applies it, where the history knows that, as a simulator does; else when
    it completes, as in Bailis et al. (2012), or, if nobody knows whether it did, when the first read of it completes.
    The versions of a key come in that order. What happens at one time happens in the order of the history; of what a
    replica applies when a read begins nobody knows that, and the read comes first. Raises ``BadHistory`` as
    ``reads_from``.
    """
    seen = reads_from(history, initial)
    reads = np.flatnonzero(seen.read)
    effect, positions = _effects(history, seen)
    invoked = np.array([each.invoke_s for each in seen.operations])[reads]
    begins = np.array([each.begin for each in seen.operations], dtype=np.int64)[reads]
    # Versions by key and time, and the reads among them: the versions before a read are those of its key.
    ordered = np.lexsort((positions, effect, seen.key_of))
    rank = np.empty(seen.versions, dtype=np.int64)
    rank[ordered] = np.arange(seen.versions)
    times = np.concatenate([effect, invoked])
    keys = np.concatenate([seen.key_of, seen.key[reads]])
    is_read = np.concatenate([np.zeros(seen.versions, dtype=bool), np.ones(len(reads), dtype=bool)])
    mixed = np.lexsort((np.concatenate([positions, begins]), times, keys))
    place = np.empty(len(mixed), dtype=np.int64)
    place[mixed] = np.cumsum(~is_read[mixed])
    newest = place[seen.versions :] - 1  # the rank of the newest version when each read began
    saw = rank[seen.version[reads]]
    behind = np.maximum(newest - saw, 0)
    next_one = ordered[np.minimum(saw + 1, seen.versions - 1)] if seen.versions else saw
    seconds = np.where(behind > 0, invoked - effect[next_one], 0.0)
    return Staleness(tuple(seen.operations[read] for read in reads.tolist()), behind, seconds)


def bounded_staleness(
    history: History, versions: float = math.inf, seconds: float = math.inf, initial: Plain = None
) -> Judgement:
    """Whether each read is at most so many ``versions`` and ``seconds`` behind.

    Raises as ``staleness``, and ``ValueError`` for bounds below 0.
    """
    for name, most in (("versions", versions), ("seconds", seconds)):
        if not most >= 0:
            raise ValueError(f"{name} must be at least 0, got {most}")
    found = staleness(history, initial)
    anomalies = list(reads_from(history, initial).thin_air[:1])
    for name, each, most in (("versions", found.versions, versions), ("seconds", found.seconds, seconds)):
        if len(each) and each.max() > most:
            worst = int(each.argmax())
            sentence = f"a read must be at most {most:g} {name} behind, was {each[worst]:g}"
            anomalies.append(Anomaly("stale read", sentence, (found.reads[worst],)))
    return judged(len(history), anomalies)


def _effects(history: History, seen: ReadsFrom) -> tuple[Any, Any]:
    """When each version took effect, the initial ones always, those of which nobody knows never; and its position."""
    effect = np.full(seen.versions, np.inf)
    effect[: seen.keys] = -np.inf
    written = seen.writer[seen.keys :]
    completed = np.array(
        [each.complete_s if each.status == "ok" else math.inf for each in seen.operations], dtype=float
    )
    effect[seen.keys :] = completed[written]
    ends = np.array([each.deadline for each in seen.operations], dtype=np.int64)
    positions = np.full(seen.versions, -1)
    positions[seen.keys :] = ends[written]
    reads = np.flatnonzero(seen.read)
    first_seen, first_end = np.full(seen.versions, np.inf), np.full(seen.versions, NEVER)
    np.minimum.at(first_seen, seen.version[reads], completed[reads])
    np.minimum.at(first_end, seen.version[reads], ends[reads])
    unknown = np.isinf(effect) & (effect > 0)
    effect, positions = np.where(unknown, first_seen, effect), np.where(unknown, first_end, positions)
    for version in range(seen.keys, seen.versions) if history.applied else ():
        if taken := history.applied.get(seen.operations[seen.writer[version]].operation):
            known_s, effect[version] = effect[version], min(time_s for _, time_s in taken)
            if effect[version] > known_s:
                positions[version] = NEVER  # applied after anybody knew of it, in an order that nobody knows
    return effect, positions
