"""The ledger of a run: where the time of its nodes has gone, from its trace."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from simcluster.engine import Trace

Row = Mapping[str, Any]

COLUMNS = ("compute_s", "redundant_s", "stale_s", "lost_s", "communication_s", "waiting_s")
"""What a node's time goes to; of several at once the first counts, but that nothing is done on a node that is down."""
NEEDED = ("compute", "abandoned", "node", "send", "deliver", "drop", "hold", "release", "duplicate")
_DOWN, _PAUSED = "down", "paused"


class _Piece(NamedTuple):
    """A piece of work on a node, from its begin to the next, and which column its computations belong to.

    Of what counts it is but a ``share``; the rest is redundant. ``needless`` is the record from which on nobody needed
    it, as others had done it, so that giving it up loses nothing. ``over`` is the record by which a task has ended
    there, or was given up: several may begin at one moment, on the cores of a node.
    """

    begin_s: float
    column: str
    share: float = 1.0
    needless: float = math.inf
    over: float = math.inf


def ledger(trace: Trace, nodes: Sequence[str], end_s: float) -> pd.DataFrame:
    """Seconds of each of ``nodes`` from 0 to ``end_s``, by what they have gone to: a row a node, ``COLUMNS``.

    ``compute_s``: a core computes what counts, or what nothing is known of. ``redundant_s``: it computes what had been
    done before, as a step or a task that is done again after its first contribution has counted, or what others do
    too and was not needed, given up or not (of a code of which all that came was needed, the share by which it is more
    than each shard once). ``stale_s``: it
    computes a contribution that came too late and was refused. ``lost_s``: the node is down, or it computes what a
    crash, a kill or the end of the run takes away. ``communication_s``: it does none of these, and a message from it
    or to it is under way, not held. ``waiting_s``: all else, a pause too. A row adds up to ``end_s``, but for rounding
    at the end: the seconds are added exactly.

    A node that joins later, or leaves, waits meanwhile. Raises ``ValueError`` where the trace does not keep all of
    ``NEEDED``, and where ``end_s`` is less than 0.
    """
    import pandas as pd

    missing = [kind for kind in NEEDED if not trace.keeps(kind)]
    if missing:
        raise ValueError(f"trace_kinds must be None or have {list(NEEDED)} for a ledger, got none of {missing}")
    if not end_s >= 0:
        raise ValueError(f"end_s must be at least 0, got {end_s}")
    rows = list(trace.rows())
    changes = _Changes(nodes, float(end_s))
    _add_computations(changes, rows, _pieces(rows))
    _add_messages(changes, rows)
    _add_states(changes, rows)
    return pd.DataFrame([changes.of(node) for node in nodes], index=pd.Index(nodes, name="node"), columns=list(COLUMNS))


class _Changes:
    """When each node begins and ends what."""

    def __init__(self, nodes: Iterable[str], end_s: float) -> None:
        self.end_s = end_s
        self._of: dict[str, list[tuple[float, int, str]]] = {node: [] for node in nodes}

    def add(self, node: str, what: str, begin_s: float, end_s: float) -> None:
        """From ``begin_s`` to ``end_s`` the node does this; a node that nobody asks for is left out."""
        begin_s, end_s = max(begin_s, 0.0), min(end_s, self.end_s)
        if node in self._of and begin_s < end_s:
            self._of[node] += [(begin_s, 1, what), (end_s, -1, what)]

    def of(self, node: str) -> list[float]:
        """What the node's seconds add up to, in the order of ``COLUMNS``."""
        seconds = dict.fromkeys(COLUMNS, Fraction(0))
        now: dict[str, int] = defaultdict(int)
        since_s = 0.0
        for time_s, change, what in [*sorted(self._of[node]), (self.end_s, 0, "")]:
            if time_s > since_s:
                seconds[_column(now)] += Fraction(time_s) - Fraction(since_s)
                since_s = time_s
            now[what] += change
        return [float(seconds[column]) for column in COLUMNS]


def _column(now: Mapping[str, int]) -> str:
    if now.get(_DOWN):
        return "lost_s"
    if now.get(_PAUSED):
        return "waiting_s"
    return next((column for column in COLUMNS if now.get(column)), "waiting_s")


def _pieces(rows: Sequence[Row]) -> dict[str, list[_Piece]]:
    """The steps of training and the tasks of graphs that each node has begun, in order, and what became of them.

    A step is (worker, clock) and a task (name,), whatever its name is.
    """
    begun: list[tuple[str, int, Any]] = []  # by which record, for an answer may come at the same moment
    counted: dict[Any, tuple[int, str]] = {}  # by which record a step of a worker, or a task, counted, and who did it
    refused: dict[Any, None] = {}
    shares: dict[Any, tuple[float, int]] = {}  # how much of a worker's step was needed, and by which record
    others: dict[Any, None] = {}  # what somebody else has begun too
    under_way: dict[tuple[str, Any], int] = {}  # a task on a node, by which record
    over: dict[int, int] = {}  # the records by which tasks began, and were over
    for place, row in enumerate(rows):
        kind = row["kind"]
        if kind == "step":
            begun.append((row["worker"], place, (row["worker"], row["clock"])))
        elif kind == "takes_over":  # the step that it has just begun
            if (last_of := _last_of(begun, row["worker"])) is not None:
                _, step, _ = begun.pop(last_of)
                begun.append((row["worker"], step, (row["whose"], row["clock"])))
                others[row["whose"], row["clock"]] = None
        elif kind == "task_begin":
            begun.append((row["node"], place, (row["task"],)))
            under_way[row["node"], row["task"]] = place
        elif kind in ("task_end", "task_cancel"):
            over[under_way.pop((row["node"], row["task"]), -1)] = place
            if kind == "task_end":
                counted.setdefault((row["task"],), (place, row["node"]))
        elif kind == "contribution":
            name = row["worker"], row["clock"]
            if row["accepted"]:
                counted.setdefault(name, (place, row["worker"]))
            else:
                refused[name] = None
        elif kind == "counts":
            name = row["whose"], row["clock"]
            if row["worker"] == row["whose"]:
                shares.setdefault(name, (row["share"], place))
            elif name in counted and counted[name][0] == place - 1:  # its first contribution, of which this is said
                counted[name] = place - 1, row["worker"]
    last: dict[Any, int] = {}  # by which record the work that counted was begun
    for node, place, name in begun:
        if name in counted and counted[name][1] == node and place < counted[name][0]:
            last[name] = place
    found: dict[str, list[_Piece]] = defaultdict(list)
    for node, place, name in begun:
        share, needless = shares.get(name, (1.0, math.inf))
        if share > 0:
            needless = math.inf
        if (name in others or len(name) == 1) and name in counted and counted[name][1] != node:
            needless = counted[name][0]  # a task, or a step that somebody else has taken over
        if share == 0:
            column = "redundant_s"
        elif name not in counted:
            column = "stale_s" if name in refused else "lost_s"
        elif counted[name][1] != node or place > counted[name][0]:
            column = "redundant_s"
        else:
            column = "compute_s" if place == last[name] else "lost_s"
        found[node].append(_Piece(rows[place]["time_s"], column, share, needless, over.get(place, math.inf)))
    return found


def _last_of(begun: Sequence[tuple[str, int, Any]], node: str) -> int | None:
    """At which place the last that a node has begun stands; ``None`` where no such records are kept."""
    return next((at for at in reversed(range(len(begun))) if begun[at][0] == node), None)


def _add_computations(changes: _Changes, rows: Iterable[Row], pieces: Mapping[str, list[_Piece]]) -> None:
    for number, row in enumerate(rows):
        if (kind := row["kind"]) not in ("abandoned", "compute"):
            continue
        node, begin_s, end_s = str(row["node"]), row["begin_s"], row["time_s"]
        of = pieces.get(node, [])
        place = bisect_right(of, begin_s, key=lambda piece: piece.begin_s)
        piece = _of_these(of, place - 1, number) if place else _Piece(0.0, "compute_s")
        if kind == "abandoned":
            changes.add(node, "lost_s" if number < piece.needless else "redundant_s", begin_s, end_s)
            continue
        until_s = end_s
        if piece.column == "compute_s" and piece.share < 1:
            until_s = begin_s + piece.share * (end_s - begin_s)
        changes.add(node, piece.column, begin_s, until_s)
        changes.add(node, "redundant_s", until_s, end_s)


def _of_these(pieces: Sequence[_Piece], last: int, number: int) -> _Piece:
    """The piece of the computation that a record is about: of those that began together, the one that is over next."""
    first = last
    while first and pieces[first - 1].begin_s == pieces[last].begin_s:
        first -= 1
    together = pieces[first : last + 1]
    return min((piece for piece in reversed(together) if piece.over > number), key=_over, default=pieces[last])


def _over(piece: _Piece) -> float:
    return piece.over


def _add_messages(changes: _Changes, rows: Iterable[Row]) -> None:
    """A message is under way from when it is sent, or sent again, to its last copy's fate, but not while it is held."""
    under_way: dict[Any, tuple[float, str, str, int]] = {}  # since when, from whom, to whom, how many copies

    def pause(message: Any, time_s: float) -> tuple[str, str, int]:
        since_s, source, target, copies = under_way.pop(message)
        for node in (source, target):
            changes.add(node, "communication_s", since_s, time_s)
        return source, target, copies

    held: dict[Any, tuple[str, str, int]] = {}
    for row in rows:
        kind, time_s, message = row["kind"], row["time_s"], row.get("message")
        if kind == "send":
            under_way[message] = time_s, row["source"], row["target"], 1
        elif kind == "duplicate" and message in under_way:
            since_s, source, target, copies = under_way[message]
            under_way[message] = since_s, source, target, copies + 1
        elif kind == "hold" and message in under_way:
            held[message] = pause(message, time_s)
        elif kind == "release" and message in held:
            under_way[message] = time_s, *held.pop(message)
        elif kind in ("deliver", "drop") and message in under_way:
            source, target, copies = pause(message, time_s)
            if copies > 1:
                under_way[message] = time_s, source, target, copies - 1
    for message in list(under_way):
        pause(message, changes.end_s)


def _add_states(changes: _Changes, rows: Iterable[Row]) -> None:
    since: dict[str, tuple[float, str]] = {}
    for row in rows:
        if row["kind"] == "node":
            if row["node"] in since:
                changes.add(row["node"], since[row["node"]][1], since[row["node"]][0], row["time_s"])
            since[row["node"]] = row["time_s"], row["state"]
    for node, (since_s, state) in since.items():
        changes.add(node, state, since_s, changes.end_s)
