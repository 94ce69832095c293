"""Who waits for what in a cluster in which nothing happens any more: asked once, when a run has ended."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import simpy
from simpy.events import Condition

from simcluster.cluster.messages.message import Message
from simcluster.cluster.mistakes import frames
from simcluster.engine import Process

if TYPE_CHECKING:
    from simcluster.cluster.cluster import Cluster
    from simcluster.cluster.node import Node

_SHOWN = 8


class Ending(str):
    """How a run ended: "finished", "horizon" or "deadlock". Printed it says also what it ``waits`` for, if anything.

    It is equal to its ``word``, which tables take.
    """

    waits: tuple[str, ...]

    def __new__(cls, word: str, waits: tuple[str, ...] = ()) -> Ending:
        """A word, and a sentence for each program that waits."""
        made = super().__new__(cls, word)
        made.waits = waits
        return made

    def __str__(self) -> str:
        if not self.waits:
            return self.word
        more = [f"and {len(self.waits) - _SHOWN} more"] if len(self.waits) > _SHOWN else []
        return f"{self.word} ({'; '.join([*self.waits[:_SHOWN], *more])})"

    @property
    def word(self) -> str:
        """The word alone."""
        return str.__str__(self)


class _Asked(NamedTuple):
    """What the records say of a request: when it was sent, and why it was dropped."""

    time_s: float
    dropped: str | None


def deadlock(cluster: Cluster) -> Ending:
    """The ending in which each program waits for another: who waits for what, who has ended, and what nobody takes."""
    asked = _requests(cluster)
    waiting = [
        f"{node.describe(process)} waits {_for(node, process.target, asked)}{_line(process)}"
        for node, process in _processes(cluster)
    ]
    rest = [said for node in cluster.nodes.values() for said in _state(node)]
    held = cluster.network.held
    return Ending("deadlock", (*waiting, *rest, *([f"the network holds {held} messages"] if held else [])))


def horizon(cluster: Cluster, horizon_s: float) -> Ending:
    """The ending in which time ran out: what was to take longer than all of it, as milliseconds do that were meant."""
    latency_s = cluster.spec.network.latency.mean
    slow = [f"a message takes {latency_s} s, though the horizon is {horizon_s} s: times are seconds"]
    overdue = [
        f"{node.describe(process)} waits for a timer until {due_s} s, though the horizon is {horizon_s} s: "
        f"times are seconds{_line(process)}"
        for node, process in _processes(cluster)
        for event in getattr(process.target, "_events", (process.target,))
        if (due_s := getattr(event, "at_s", 0.0)) >= cluster.env.now + horizon_s
    ]
    return Ending("horizon", (*(slow if latency_s > horizon_s else ()), *overdue))


def _processes(cluster: Cluster) -> Iterator[tuple[Node, Process]]:
    for node in cluster.nodes.values():
        for process in node.processes:
            yield node, process


def _for(node: Node, event: Any, asked: dict[int, _Asked]) -> str:
    """What an event is that a program waits for, and since when where that is known."""
    if isinstance(event, Condition):
        joint = " and " if event._evaluate is Condition.all_events else " or "
        return joint.join(_for(node, part, asked) for part in event._events if not part.triggered)
    if hasattr(event, "kinds"):
        kinds = " or ".join(map(repr, event.kinds))
        return f"since {event.since_s} s for a message{f' of kind {kinds}' if kinds else ''}"
    if isinstance(event, simpy.Process):
        return f"for the end of {event.name}"
    if hasattr(event, "message"):
        return _reply(event.message, asked.get(event.message.id))
    if hasattr(event, "at_s"):
        return f"for a timer that was due at {event.at_s} s"
    return "for an event that nothing lets happen"


def _reply(message: Message, asked: _Asked | None) -> str:
    since = f"since {asked.time_s} s " if asked else ""
    dropped = f", which was dropped ({asked.dropped})" if asked and asked.dropped else ""
    return f"{since}for the reply of {message.target} to {message.kind!r}{dropped}"


def _requests(cluster: Cluster) -> dict[int, _Asked]:
    """What is known of requests, so far as the trace keeps what was sent."""
    found: dict[int, _Asked] = {}
    for row in cluster.trace.rows("send", "drop"):
        message = row["message"]
        if row["kind"] == "send":
            found[message] = _Asked(row["time_s"], None)
        elif message in found:
            found[message] = found[message]._replace(dropped=row["cause"])
    return found


def _state(node: Node) -> Iterator[str]:
    """What else of a node explains why nothing happens."""
    if node.state != "up":
        yield f"{node.name} is {node.state}"
    for name in node.ended:
        yield f"{name} on {node.name} has ended"
    inbox = Counter((message.kind, message.source) for message in node._mailbox._messages)
    for (kind, source), count in inbox.items():
        messages = "a message" if count == 1 else f"{count} messages"
        yield f"{messages} of kind {kind!r} from {source} in the inbox of {node.name}, which nobody receives"


def _line(process: Process) -> str:
    """Where in its source a program waits."""
    *_, last = [None, *frames(process._generator)]
    if last is None:
        return ""
    file, number = last.f_code.co_filename, last.f_lineno
    text = linecache.getline(file, number).strip()
    return f" [{file.replace(chr(92), '/').rpartition('/')[2]}, line {number}{f': {text}' if text else ''}]"
