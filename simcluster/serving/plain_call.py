"""The call of one shard that no policy stands around: one request after the other, until one is answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simcluster.cluster import Failure
from simcluster.engine import Event
from simcluster.serving.protocols import ReplicaView

if TYPE_CHECKING:
    from simcluster.serving.front_end import FrontEnd
    from simcluster.serving.world import Query

_ROUND_S = 1.0  # between two rounds of the replicas where no time-out says


class PlainCall:
    """The front end's call of one shard for one query; its replies call back, so that it needs no process.

    ``key`` is what is asked for, ``attempts`` counts the requests so far, and ``asked`` are the replicas that did not
    answer in this round.
    """

    __slots__ = ("_begin_s", "_front", "_refused", "_view", "asked", "attempts", "key", "query", "shard")

    _view: ReplicaView
    _begin_s: float

    def __init__(self, front: FrontEnd, query: Query, key: Any, shard: int) -> None:
        self._front = front
        self._refused = False
        self.query = query
        self.key = key
        self.shard = shard
        self.attempts = 0
        self.asked: Sequence[ReplicaView] = ()

    def attempt(self, _: Event | None = None) -> None:
        """Ask a replica; one that does not answer is passed over for another, round after round."""
        front = self._front
        if not front.alive:
            return
        replicas = front.replicas[self.shard]
        if not replicas.active:
            replicas.some(front.env).callbacks.append(self.attempt)
            return
        self._view = view = front.choose(self)
        self.attempts += 1
        view.outstanding += 1
        self._begin_s = front.env.now
        reply = front.request(view.name, front.ask_kind, self.query.body, None, front.timeout_s)
        reply.callbacks.append(self._replied)

    def _replied(self, reply: Event) -> None:
        front, view = self._front, self._view
        if not front.alive:
            return
        try:
            if not reply._ok:
                front.released(view, None)
                self._unanswered(reply._value)
                return
            part = reply._value.body
            if front.answers_wrapped:
                taken, part = part
                if not taken:
                    front.released(view, None)
                    front.fail(self, part)
                    return
            front.released(view, self._begin_s)
            front.answer(self, part)
        except Exception as error:
            front.explain(error)
            raise

    def _unanswered(self, failure: Failure) -> None:
        front = self._front
        self._refused = self._refused or failure.definite
        self.asked = [*self.asked, self._view]
        if any(view not in self.asked for view in front.replicas[self.shard].active):
            self.attempt()
            return
        refused, self._refused = self._refused, False
        if refused:  # which took no time, so the next round must not come at the same moment
            front.node.timer(front.timeout_s or _ROUND_S).callbacks.append(self.attempt)
        else:
            self.attempt()
