"""Answers: one request to several nodes, and as many of their replies as are needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from simcluster.cluster import Failure, Node
from simcluster.cluster.messages.message import freeze
from simcluster.engine import Event, Program, fire


class Answers:
    """What nodes answer to one request that is sent to all of them, as it comes.

    ``bodies`` are the answers so far, by node in the order of coming, ``failed`` what became of the others. Both grow
    on after whoever asked has had enough. The requests go out when this is made, each once.
    """

    def __init__(
        self, node: Node, targets: Iterable[str], kind: str, body: Any = None, *, timeout_s: float | None = None
    ) -> None:
        self._node = node
        self.bodies: dict[str, Any] = {}
        self.failed: dict[str, Failure] = {}
        self._awaited: list[tuple[int, Event]] = []
        self._left = 0
        frozen, _ = freeze(body)  # once for all
        for target in targets:
            self._left += 1
            reply = node.request(target, kind, frozen, None, timeout_s)
            reply.callbacks.append(partial(self._hear, target))

    @property
    def refused(self) -> bool:
        """Whether a request has failed at once, so that to ask again at once may be to ask for ever at one moment."""
        return any(failure.definite for failure in self.failed.values())

    def at_least(self, count: int) -> Event:
        """Happens when so many have answered, or when no more can; its value is whether so many have."""
        event = Event(self._node.env)
        if len(self.bodies) >= count or not self._left:
            fire(event, len(self.bodies) >= count)
        else:
            self._awaited.append((count, event))
        return event

    def all(self) -> Event:
        """Happens when all have answered or failed; its value is whether none has failed."""
        return self.at_least(len(self.bodies) + len(self.failed) + self._left)

    def _hear(self, target: str, reply: Event) -> None:
        self._left -= 1
        given: Any = reply.value
        if reply.ok:
            self.bodies[target] = given.body
        else:
            self.failed[target] = given
        awaited, self._awaited = self._awaited, []
        for count, event in awaited:
            if len(self.bodies) >= count or not self._left:
                fire(event, len(self.bodies) >= count)
            else:
                self._awaited.append((count, event))


def ask_quorum(
    node: Node, targets: Sequence[str], kind: str, body: Any, *, count: int, retry_s: float
) -> Program:
    """Steps whose value is the answers of the ``count`` that answer first, by node.

    Whenever ``retry_s`` pass without so many, those that have not answered are asked again, for ever.
    """
    bodies: dict[str, Any] = {}
    while True:
        answers = Answers(node, [name for name in targets if name not in bodies], kind, body, timeout_s=retry_s)
        enough = yield answers.at_least(count - len(bodies))
        bodies |= answers.bodies
        if enough:
            return bodies
        if answers.refused:
            yield node.timer(retry_s)
