"""Transactions that append to lists and read them: the order of versions is seen in the lists (Elle's list-append)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from simcluster.measurement.checkers.judgement import Judgement
from simcluster.measurement.checkers.steps import checked_steps
from simcluster.measurement.checkers.transactions.circles import circles
from simcluster.measurement.checkers.transactions.dependencies import (
    RW,
    WR,
    WW,
    Dependencies,
    Isolation,
    bad,
    judged_by,
)
from simcluster.measurement.histories import History, Plain

_APPENDS, _READS = ("append",), ("r", "read")


def list_append(history: History, isolation: Isolation = "serializable", realtime: bool = False) -> Judgement:
    """Which anomalies lists have, of operations that are lists of (append, key, value) and (r, key, list).

    Each value is appended to a key once. Of every key the longest list that was read is the order of its versions, and
    each other one must be its beginning. Found are circles (G0, G1c, G-single, G-nonadjacent, G2, see ``circles``; with
    ``realtime`` also of what was over before another began), reads of what was aborted (G1a) or not yet all there
    (G1b), lost updates, and what no isolation allows: lists that are no beginnings of each other, values twice or never
    written, a transaction that does not see its own appends. Valid is what ``isolation`` allows.

    Raises ``BadHistory`` for other operations. Alvaro & Kingsbury (2020), Elle: inferring isolation anomalies.
    """
    found = _Lists(history)
    found.infer()
    if realtime:
        found.known.add_times()
    anomalies, why = circles(found.known)
    return judged_by(isolation, len(history), [*found.known.anomalies, *anomalies], why)


class _Lists:
    def __init__(self, history: History) -> None:
        self.known = Dependencies([])
        self.writer: dict[Any, int] = {}  # (key, value) → the transaction that appended it
        self.place: dict[Any, int] = {}  # (key, value) → how many its transaction had appended before
        self.last: dict[tuple[int, Plain], Plain] = {}  # the last value that a transaction appended to a key
        self.aborted: set[Any] = set()
        self.internal: list[tuple[int, Plain, tuple[Plain, ...]]] = []  # reads that do not fit the steps before
        self.reads: list[tuple[int, Plain, tuple[Plain, ...], bool]] = []  # and whether the own appends come after
        for place, each in enumerate(history.operations):
            try:
                steps = checked_steps(each)
            except ValueError as error:
                raise bad(history, place, str(error)) from None
            self._take(history, place, len(self.known.transactions), steps)
            if each.status != "fail":
                self.known.transactions.append(each)

    def _take(self, history: History, place: int, number: int, steps: tuple[Any, ...]) -> None:
        status = history.operations[place].status
        expected: dict[Plain, tuple[Plain, ...]] = {}  # of a key that was read: what the next read must see
        own: dict[Plain, tuple[Plain, ...]] = {}
        every = {(key, value) for f, key, value in steps if f in _APPENDS}
        for f, key, value in steps:
            if f in _APPENDS:
                if (key, value) in self.writer or (key, value) in self.aborted:
                    raise bad(history, place, f"a value must be appended to a key once, got {value!r:.80} again")
                if status == "fail":
                    self.aborted.add((key, value))
                    continue
                self.writer[(key, value)] = number
                self.place[(key, value)] = len(own.get(key, ()))
                self.last[(number, key)] = value
                own[key] = (*own.get(key, ()), value)
                if key in expected:
                    expected[key] = (*expected[key], value)
            elif f not in _READS:
                raise bad(history, place, f"a step must be one of append, r, read, got {f!r:.80}")
            elif status == "ok":
                seen = () if value is None else value
                if not isinstance(seen, tuple):
                    raise bad(history, place, f"a list must be read, got {value!r:.80}")
                self.reads.append((number, key, seen, key not in own))
                mine = own.get(key, ())
                fits = seen == expected[key] if key in expected else seen[len(seen) - len(mine) :] == mine
                others = seen[: len(seen) - len(mine)]
                if not fits or len(seen) < len(mine) or (every and any((key, each) in every for each in others)):
                    self.internal.append((number, key, seen))
                expected[key] = seen

    def infer(self) -> None:
        """Edges and anomalies from what was read."""
        known = self.known
        for number, key, seen in self.internal[:1]:
            sentence = f"a transaction does not see its own steps: it read {seen!r} of key {key!r}"
            known.wrong("internal", sentence, number)
        versions = self._versions()
        seen_values = {(key, value) for key, order in versions.items() for value in order}
        unseen: dict[Plain, list[Plain]] = {}
        for key, value in self.writer:
            if (key, value) not in seen_values and known.transactions[self.writer[(key, value)]].status == "ok":
                unseen.setdefault(key, []).append(value)
        for key, order in versions.items():
            latest: dict[int, int] = {}
            for value in order:
                if (writer := self.writer.get((key, value))) is not None:
                    if self.place[(key, value)] < latest.get(writer, -1):
                        known.wrong("internal", f"of key {key!r} the appends of a transaction are not in order", writer)
                    latest[writer] = self.place[(key, value)]
            for before, after in pairwise(order):
                self._edge(WW, key, before, after)
            # What nobody has read comes after all that somebody has: else it would be in the list.
            for value in unseen.get(key, ()) if order else ():
                self._edge(WW, key, order[-1], value)
        for number, key, seen, _ in self.reads:
            order = versions[key]
            if seen and (writer := self.writer.get((key, seen[-1]))) is not None:
                known.add(writer, number, WR, key, None, seen[-1])
            if len(seen) < len(order):
                if seen == order[: len(seen)] and (writer := self.writer.get((key, order[len(seen)]))) is not None:
                    known.add(number, writer, RW, key, seen, order[len(seen)])
            else:
                for value in unseen.get(key, ()):
                    known.add(number, self.writer[(key, value)], RW, key, seen, value)
        self._lost_updates()

    def _edge(self, kind: int, key: Plain, before: Plain, after: Plain) -> None:
        source, target = self.writer.get((key, before)), self.writer.get((key, after))
        if source is not None and target is not None:
            self.known.add(source, target, kind, key, before, after)

    def _versions(self) -> dict[Plain, tuple[Plain, ...]]:
        """The order of versions of each key: the longest list that was read. What is wrong with lists is noted."""
        known = self.known
        longest: dict[Plain, tuple[tuple[Plain, ...], int]] = {}
        for number, key, seen, _ in self.reads:
            if key not in longest or len(longest[key][0]) < len(seen):
                longest[key] = (seen, number)
        for number, key, seen, _ in self.reads:
            order, reader = longest[key]
            if seen != order[: len(seen)]:
                sentence = f"of key {key!r} {seen!r} is not the beginning of {order!r}"
                known.wrong("incompatible order", sentence, number, reader)
            if number == reader or seen != order[: len(seen)]:
                self._check_values(number, key, seen)
        half = {key: self._half(key, order) for key, (order, _) in longest.items()}
        for number, key, seen, _ in self.reads:
            begins = seen == longest[key][0][: len(seen)]
            writer = half[key][len(seen)] if begins else self._half(key, seen)[-1]
            if writer is not None and writer != number:
                last = next(value for value in reversed(seen) if self.writer.get((key, value)) == writer)
                sentence = f"{last!r} of key {key!r} was read, and its transaction appended more"
                known.wrong("G1b", sentence, writer, number)
        return {key: order for key, (order, _) in longest.items()}

    def _half(self, key: Plain, seen: tuple[Plain, ...]) -> list[int | None]:
        """Of each beginning of a list the first transaction whose last append it lacks.

        That is the reader's own only where nobody else's does: what it sees of its own comes last, or is "internal".
        """
        lacking: dict[int, None] = {}
        found: list[int | None] = [None]
        for value in seen:
            if (writer := self.writer.get((key, value))) is not None:
                if self.last[(writer, key)] != value:
                    lacking[writer] = None
                else:
                    lacking.pop(writer, None)
            found.append(next(iter(lacking), None))
        return found

    def _check_values(self, number: int, key: Plain, seen: tuple[Plain, ...]) -> None:
        known = self.known
        if len({*seen}) < len(seen):
            known.wrong("duplicate elements", f"a value stands twice in {seen!r} of key {key!r}", number)
        for value in seen:
            if (key, value) in self.aborted:
                known.wrong("G1a", f"{value!r} of key {key!r} was read, and its transaction failed", number)
            elif (key, value) not in self.writer:
                known.wrong("read from thin air", f"{value!r} of key {key!r} was read and never appended", number)

    def _lost_updates(self) -> None:
        """Transactions that read the same version of a key, before they append to it: only one of them can do so."""
        first: dict[Any, int] = {}
        read: set[tuple[int, Plain]] = set()
        for number, key, seen, before_own in self.reads:
            if (number, key) in read or not before_own or (number, key) not in self.last:
                continue
            read.add((number, key))
            other = first.setdefault((key, seen), number)
            if other != number:
                sentence = f"both read {seen!r} of key {key!r} and append to it"
                self.known.wrong("lost update", sentence, other, number)
