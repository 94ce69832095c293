"""Dependencies between transactions, and the anomalies that they and their circles are (Adya 1999)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from simcluster.measurement.checkers.judgement import Anomaly, Judgement
from simcluster.measurement.histories import BadHistory, History, Operation, Plain

WW, WR, RW, TIME = range(4)
"""A version overwrites another; is read; is read by who did not see the next one; was over before the other began."""

IN_TIME = " in time"
"""What the name of a circle ends with that needs the order of time."""

Isolation = Literal["read-uncommitted", "read-committed", "snapshot-isolation", "serializable"]

_LEVELS: dict[str, tuple[str, ...]] = {
    "read-uncommitted": ("G0",),
    "read-committed": ("G1a", "G1b", "G1c"),
    "snapshot-isolation": ("G-single", "G-nonadjacent", "lost update"),
    "serializable": ("G2",),
}


def forbidden(isolation: Isolation) -> tuple[str, ...]:
    """The anomalies that a level of isolation forbids: its own, and those of the weaker ones.

    Raises ``ValueError`` for an unknown level.
    """
    if isolation not in _LEVELS:
        raise ValueError(f"isolation must be one of {', '.join(_LEVELS)}, got {isolation!r}")
    levels = list(_LEVELS)
    return tuple(name for level in levels[: levels.index(isolation) + 1] for name in _LEVELS[level])


@dataclass
class Dependencies:
    """What is known of transactions: edges between them, each with its reason, and anomalies that are no circles.

    Nodes from ``len(transactions)`` on are moments, which edges of time pass.
    """

    transactions: list[Operation]
    nodes: int = 0
    source: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    reason: list[tuple[Plain, Plain, Plain]] = field(default_factory=list)  # key, the version before, the one after
    anomalies: list[Anomaly] = field(default_factory=list)

    def add(self, source: int, target: int, kind: int, key: Plain, before: Plain, after: Plain) -> None:
        """An edge, unless it leads from a transaction to itself."""
        if source != target:
            self.source.append(source)
            self.target.append(target)
            self.kind.append(kind)
            self.reason.append((key, before, after))

    def wrong(self, name: str, sentence: str, *transactions: int) -> None:
        """An anomaly that is no circle; of each name one is enough."""
        if all(name != each.name for each in self.anomalies):
            self.anomalies.append(Anomaly(name, sentence, tuple(self.transactions[place] for place in transactions)))

    def add_times(self) -> None:
        """Edges from each transaction to those that began after it was over, by way of moments: near-linear in number.

        Each completion is a moment, from which the next one follows.
        """
        over = sorted((each.deadline, place) for place, each in enumerate(self.transactions) if each.status == "ok")
        begins = sorted((each.begin, place) for place, each in enumerate(self.transactions))
        moment, begun = len(self.transactions) - 1, 0
        for number, (deadline, place) in enumerate(over):
            while begun < len(begins) and begins[begun][0] < deadline:
                if number:
                    self.add(moment, begins[begun][1], TIME, None, None, None)
                begun += 1
            moment = len(self.transactions) + number
            if number:
                self.add(moment - 1, moment, TIME, None, None, None)
            self.add(place, moment, TIME, None, None, None)
        for _, place in begins[begun:]:
            if over:
                self.add(moment, place, TIME, None, None, None)
        self.nodes = len(self.transactions) + len(over)

    def told(self, edges: Sequence[int]) -> str:
        """A circle in words: who comes before whom, and why."""
        names = {WW: "ww", WR: "wr", RW: "rw", TIME: "time"}
        lines = []
        for edge in edges:
            key, before, after = self.reason[edge]
            what = {
                WW: f"{after!r} comes after {before!r} of key {key!r}",
                WR: f"{after!r} of key {key!r} is read",
                RW: f"what was read of key {key!r} ({before!r}) comes before {after!r}",
                TIME: "it was over before",
            }[self.kind[edge]]
            source, target = self._name(self.source[edge]), self._name(self.target[edge])
            lines.append(f"{source} –{names[self.kind[edge]]}→ {target}: {what}")
        return "; ".join(lines)

    def _name(self, node: int) -> str:
        if node >= len(self.transactions):
            return "a moment"
        return f"T{self.transactions[node].operation}"


def judged_by(isolation: Isolation, operations: int, anomalies: Iterable[Anomaly], why: str) -> Judgement:
    """The verdict at a level of isolation, which looks away from anomalies that it allows."""
    allowed = {name for level in _LEVELS.values() for name in level} - {*forbidden(isolation)}
    counted = tuple(each for each in anomalies if each.name.removesuffix(IN_TIME) not in allowed)
    return Judgement("invalid" if counted else "valid", operations, counted, why)


def bad(history: History, place: int, rule: str) -> BadHistory:
    """The error of the operation at this place."""
    return BadHistory(history.line(place), rule)
