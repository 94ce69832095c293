"""A long fork: two reads that disagree on which of two writes came first."""

from __future__ import annotations

from itertools import pairwise

from simcluster.measurement.checkers.judgement import Anomaly, Judgement, judged
from simcluster.measurement.checkers.steps import checked_steps
from simcluster.measurement.histories import BadHistory, History, Operation, Plain


def long_fork(history: History) -> Judgement:
    """Whether no two reads of the same keys disagree on what came first, of transactions that write each key once.

    An operation is a list of steps: one write (w, key, value), or reads (r, key, value) of a group of keys. Of two
    reads of a group one must see all that the other sees: else each sees a write that the other does not, a fork that
    snapshot isolation forbids and parallel snapshot isolation does not. Raises ``BadHistory`` for a key that is written
    twice.
    """
    written: dict[Plain, Operation] = {}
    groups: dict[tuple[Plain, ...], list[tuple[frozenset[Plain], Operation]]] = {}
    for place, each in enumerate(history.operations):
        try:
            steps = checked_steps(each)
        except ValueError as error:
            raise BadHistory(history.line(place), str(error)) from None
        for f, key, _ in steps:
            if f in ("w", "write", "append"):
                if key in written:
                    raise BadHistory(history.line(place), f"a key must be written once, got {key!r} again")
                written[key] = each
        if each.status == "ok" and steps and all(f in ("r", "read") for f, _, _ in steps):
            group = tuple(sorted((key for _, key, _ in steps), key=repr))
            saw = frozenset(key for _, key, value in steps if value not in (None, ()))
            groups.setdefault(group, []).append((saw, each))
    anomalies = []
    for seen in groups.values():
        # In a chain of sets each holds all that are smaller.
        seen.sort(key=lambda pair: (len(pair[0]), pair[1].begin))
        for (less, one), (more, other) in pairwise(seen):
            if not less <= more:
                apart = f"{_some(less - more)}, {_some(more - less)}"
                sentence = f"each of two reads sees what the other does not: {apart}"
                anomalies.append(Anomaly("long fork", sentence, (one, other)))
    return judged(len(history), anomalies[:1])


def _some(keys: frozenset[Plain]) -> str:
    return ", ".join(sorted(map(repr, keys)))


